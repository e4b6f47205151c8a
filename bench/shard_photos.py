"""Photos for measurements of reading and training: drawn, put into shards, published; and at camera size."""

import io
import json
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from oi_tasks.drawn.release import draw_release
from oi_tasks.io.outputs import Output, Outputs
from oi_tasks.io.shards import INDEX, SAMPLES, write_shard
from oi_tasks.io.store import Store
from oi_tasks.settings import Settings

CLASSES = 10


def drawn_jpegs(folder: Path, photos: int, side: int) -> list[bytes]:
    """Drawn photos as square JPEGs of `side` pixels."""
    draw_release(folder, photos=photos, defects=False)
    made = []
    for path in sorted((folder / "train").glob("*.jpg")):
        held = io.BytesIO()
        photo = Image.open(path).convert("RGB")
        photo.resize((side, side), Image.Resampling.BICUBIC).save(held, "JPEG", quality=90)
        made.append(held.getvalue())
    return made


def dataset_of(settings: Settings, folder: Path, jpegs: list[bytes], shards: int, per_shard: int, side: int) -> Output:
    """A published dataset of one bin, which repeats the photos; every photo shows one class."""
    rows, number = [], 0
    for shard in range(shards):
        name = f"shards/train-1x1-{shard:04d}.tar"
        samples = []
        for _ in range(per_shard):
            samples.append((jpegs[number % len(jpegs)], {"id": f"{number:016x}", "present": [number % CLASSES]}))
            number += 1
        for (_, facts), (offset, size) in zip(samples, write_shard(folder / name, samples), strict=True):
            rows.append({**facts, "absent": [], "boxes": [], "shard": name, "offset": offset, "size": size})
    kinds = {"present": pl.List(pl.Int16), "absent": pl.List(pl.Int16), "size": pl.Int32}
    boxes = pl.List(pl.Struct({"class": pl.Int16}))
    table = pl.DataFrame(rows, schema_overrides={**kinds, "boxes": boxes})
    fixed = {"split": "train", "bin": "1x1", "width": side, "height": side}
    table.with_columns(**{name: pl.lit(value) for name, value in fixed.items()}).write_parquet(folder / SAMPLES)
    index = {
        "canvases": {"2x1": (side, side // 2), "1x1": (side, side), "1x2": (side // 2, side)},
        "classes": [{"index": place, "label": f"/m/{place}", "name": str(place)} for place in range(CLASSES)],
        "clusters": [],
        "unverified": "negative",
        "counts": {},
    }
    (folder / INDEX).write_text(json.dumps(index))
    key = f"{np.random.default_rng([shards, per_shard, side]).integers(16**15):020x}"
    return Outputs(Store(settings), settings.cache).publish("shards", "1", key, {}, folder, {}, {})
