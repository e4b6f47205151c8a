"""A dataset of plain square photos with boxes, in a real store: what models of masks learn from."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from oi_tasks.core.fingerprint import content_key
from oi_tasks.io.outputs import Output, Outputs
from oi_tasks.io.samples import BOX
from oi_tasks.io.shards import INDEX, SAMPLES, write_shard
from oi_tasks.io.store import Store
from tests.training.conftest import photo

SIDE = 64
FLAGS = {"group": 0, "occluded": 0, "truncated": 0, "depiction": 0}


def boxed_dataset(
    folder: Path,
    store: Store,
    cache: Path,
    held: Sequence[Sequence[dict[str, Any]]],
    classes: int,
    clusters: Mapping[str, Sequence[int]] = {},
) -> Output:
    """A published dataset whose train and tune photos each have the boxes in `held`; what has no box is unknown.

    `clusters`: the classes of each cluster that is trained, by its slug.
    """
    random, rows = np.random.default_rng(3), []
    for split in ("train", "tune"):
        name = f"shards/{split}-1x1-0000.tar"
        facts = []
        for number, boxes in enumerate(held):
            present = sorted({box["class"] for box in boxes})
            known = {"present": present, "absent": [], "boxes": [FLAGS | box for box in boxes]}
            facts.append({"id": f"{split}{number:06d}", **known})
        shown = [photo(fact["present"][0] % 3, (SIDE, SIDE), random) for fact in facts]
        places = write_shard(folder / name, zip(shown, facts, strict=True))
        fixed = {"split": split, "bin": "1x1", "width": SIDE, "height": SIDE, "shard": name}
        rows += [
            {**fact, **fixed, "offset": offset, "size": size}
            for fact, (offset, size) in zip(facts, places, strict=True)
        ]
    types = {"absent": pl.List(pl.Int16), "present": pl.List(pl.Int16), "boxes": pl.List(BOX), "size": pl.Int32}
    pl.DataFrame(rows, schema_overrides=types).write_parquet(folder / SAMPLES)
    index = {
        "canvases": {"1x1": (SIDE, SIDE)},
        "classes": [{"index": number, "label": f"/m/{number}", "name": f"class {number}"} for number in range(classes)],
        "clusters": [
            {"name": name, "title": name, "classes": [f"/m/{number}" for number in own], "trained": True}
            for name, own in clusters.items()
        ],
        "unverified": "ignore",
        "counts": {},
    }
    (folder / INDEX).write_text(json.dumps(index))
    key = content_key({"held": held, "clusters": {name: list(own) for name, own in clusters.items()}})
    return Outputs(store, cache).publish("shards", "1", key, {}, folder, {}, {})
