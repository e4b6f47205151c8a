"""Masks: drawn from boxes while a batch is read, against the reading itself, and what they would take if stored."""

import json
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import torch

from bench.box_rows import BOXES_A_PHOTO, SHARES
from bench.measure import Figure, ratio
from bench.servers import servers
from bench.shard_photos import CLASSES, dataset_of, drawn_jpegs
from oi_tasks.core.masks import box_masks
from oi_tasks.io.samples import BOX
from oi_tasks.io.shards import ShardReader
from oi_tasks.models.semseg import Semseg
from oi_tasks.training.batches import BatchReader
from oi_tasks.training.sampling import plan_epoch
from oi_tasks.training.semseg import ClusterPhotos, SemsegLearner
from oi_tasks.training.transforms import View

SIDE, STRIDE, BATCH, PHOTOS = 224, 8, 32, 256
ROUNDS = 7


def figures() -> Iterator[Figure]:
    """The time of drawing masks, and the bytes of stored ones, both as a share of what there is without them."""
    with tempfile.TemporaryDirectory() as name, servers(Path(name) / "state", ("minio",)) as settings:
        folder = Path(name)
        jpegs = drawn_jpegs(folder / "canvas", PHOTOS, SIDE)
        reader = ShardReader(dataset_of(settings, folder / "read", jpegs, 1, len(jpegs), SIDE), "train")
        reader.table = reader.table.with_columns(boxes=pl.Series(_boxes(len(reader)), dtype=pl.List(BOX)))
        yield _drawing(reader)
        yield _storing(reader)


def _boxes(photos: int) -> list[list[dict[str, object]]]:
    """For each photo as many boxes as V4's training photos have on average, of any size, of ten classes."""
    random, found = np.random.default_rng(0), []
    for count in np.maximum(random.poisson(BOXES_A_PHOTO, photos), 1):
        corners = np.sort(random.random((count, 2, 2)), axis=1).reshape(count, 4)
        classes = random.integers(0, CLASSES, count)
        depicted = random.random(count) < SHARES["IsDepiction"]
        found.append(
            [
                {"class": cls, "box": box, "group": 0, "occluded": 0, "truncated": 0, "depiction": int(depiction)}
                for cls, box, depiction in zip(classes.tolist(), corners.tolist(), depicted, strict=True)
            ]
        )
    return found


def _drawing(reader: ShardReader) -> Figure:
    """One thread each, over an epoch of cropped and mirrored photos: the masks alone, and the photos alone."""
    classes = list(range(CLASSES))
    photos = ClusterPhotos(reader, classes, 0.0)
    learner = SemsegLearner(Semseg("test_resnet", CLASSES), photos, photos, BATCH, torch.device("cpu"), classes, STRIDE)
    plan = plan_epoch(photos.reader.bins, photos.reader.places.shards, BATCH, [0])
    nothing = np.zeros(1), np.ones(1, dtype=np.bool_)
    made = BatchReader(lambda reader, row, view: nothing, torch.device("cpu"), torch.channels_last, 1)

    views = [View.draw(np.random.default_rng([0, row])) for row in range(len(photos.reader))]

    def masks() -> None:
        for rows in plan:
            drawn = [learner.targets(photos.reader, int(row), views[row]) for row in rows]
            for part in range(2):
                torch.from_numpy(np.stack([one[part] for one in drawn]))

    def reading() -> None:
        for _ in made.read(photos.reader, plan, views.__getitem__):
            pass

    reading()
    share = ratio(masks, reading, ROUNDS)
    peer = f"reading the same batches without masks; {BOXES_A_PHOTO:g} boxes a photo of {SIDE} px, {CLASSES} classes"
    return Figure("masks_while_reading", share, 0.1, False, "x", peer)


def _storing(reader: ShardReader) -> Figure:
    """One bit a cell, of the classes that a photo has boxes of, compressed."""
    stored = without = 0
    for row in range(len(reader)):
        boxes = reader.boxes(row)
        masks = box_masks(boxes, sorted({box["class"] for box in boxes}), SIDE // STRIDE, SIDE // STRIDE)
        stored += len(zlib.compress(np.packbits(masks).tobytes(), 9))
        without += len(reader.jpeg(row)) + len(json.dumps(boxes, separators=(",", ":")))
    peer = f"the shards' photos and boxes; {stored / len(reader):.0f} bytes a photo, packed and compressed"
    return Figure("masks_stored", stored / without, 0.05, False, "x", peer)
