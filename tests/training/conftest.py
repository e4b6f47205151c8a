"""A small dataset of plain photos in a real store, and learners on it."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from oi_tasks.core.aspect import BINS
from oi_tasks.io.outputs import Output, Outputs
from oi_tasks.io.shards import INDEX, SAMPLES, ShardReader, write_shard
from oi_tasks.io.store import Store
from oi_tasks.models.classifier import Classifier
from oi_tasks.settings import Settings
from oi_tasks.training.classifier import ClassifierLearner
from oi_tasks.training.practice import Practice
from oi_tasks.training.seen import SeenPhotos

CANVASES = {"2x1": (64, 32), "1x1": (64, 64), "1x2": (32, 64)}
CLASSES = 3
COLOURS = ((200, 40, 40), (40, 200, 40), (40, 40, 200))


def photo(shown: int, size: tuple[int, int], random: np.random.Generator) -> bytes:
    """A JPEG of one class's colour under noise."""
    noise = random.integers(-40, 40, (size[1], size[0], 3))
    pixels = np.clip(np.array(COLOURS[shown]) + noise, 0, 255).astype(np.uint8)
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "JPEG", quality=95)
    return held.getvalue()


def make_dataset(folder: Path, store: Store, cache: Path, photos: int, per_shard: int, seed: int = 0) -> Output:
    """A published dataset of `photos` photos to train on, and half as many to tune; classes 0, 1, 2 as 4 : 2 : 1."""
    random, rows = np.random.default_rng(seed), []
    for split, count in (("train", photos), ("tune", photos // 2)):
        for bin_name in BINS:
            own = count // 3
            for shard, first in enumerate(range(0, own, per_shard)):
                name = f"shards/{split}-{bin_name}-{shard:04d}.tar"
                facts, samples = [], []
                for number in range(first, min(first + per_shard, own)):
                    shown = int(random.choice(CLASSES, p=[4 / 7, 2 / 7, 1 / 7]))
                    image_id = f"{split}{bin_name}{number:06d}"
                    known = {"id": image_id, "present": [shown], "absent": [], "boxes": []}
                    facts.append({**known, "split": split, "bin": bin_name, "width": 64, "height": 64, "shard": name})
                    samples.append((photo(shown, CANVASES[bin_name], random), known))
                places = write_shard(folder / name, samples)
                rows += [
                    {**fact, "offset": offset, "size": size} for fact, (offset, size) in zip(facts, places, strict=True)
                ]
    types = {
        "absent": pl.List(pl.Int16),
        "boxes": pl.List(pl.Struct({"class": pl.Int16})),
        "size": pl.Int32,
        "present": pl.List(pl.Int16),
    }
    pl.DataFrame(rows, schema_overrides=types).write_parquet(folder / SAMPLES)
    index = {
        "canvases": CANVASES,
        "classes": [{"index": number, "label": f"/m/{number}", "name": f"class {number}"} for number in range(CLASSES)],
        "clusters": [],
        "unverified": "negative",
        "counts": {},
    }
    (folder / INDEX).write_text(json.dumps(index))
    return Outputs(store, cache).publish("shards", "1", f"{photos:010d}{per_shard:010d}", {}, folder, {}, {})


@pytest.fixture(scope="session")
def plain_photos(store: Store, minio_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Output:
    """72 photos to train on, 36 to tune, in shards of 6."""
    return make_dataset(tmp_path_factory.mktemp("plain"), store, minio_settings.cache, photos=72, per_shard=6)


def make_learner(
    dataset: Output,
    practice: Practice | None = None,
    *,
    backbone: str = "test_resnet",
    head: str = "adaptive",
    loss: str = "bce",
    batch: int = 8,
    dropout: bool = True,
    seen: SeenPhotos | None = None,
) -> ClassifierLearner:
    """A learner on a dataset; equal calls make equal models."""
    torch.manual_seed(11)
    model = Classifier(backbone, CLASSES, head, side=64)
    if not dropout:
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    train, tune = ShardReader(dataset, "train"), ShardReader(dataset, "tune")
    return ClassifierLearner(model, train, tune, batch, torch.device("cpu"), loss, practice, seen)


@pytest.fixture
def learner(plain_photos: Output) -> Callable[..., ClassifierLearner]:
    """Makes learners on the plain photos."""

    def make(practice: Practice | None = None, **how: object) -> ClassifierLearner:
        return make_learner(plain_photos, practice, **how)

    return make
