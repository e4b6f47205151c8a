"""Photos into shards and out of them: sharding against a Pillow loop, reading against a bare loop, and its memory."""

import io
import multiprocessing
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from bench.measure import Figure, ratio
from bench.servers import servers
from bench.shard_photos import dataset_of, drawn_jpegs
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.shards import ShardReader
from oi_tasks.io.store import RAW, Store, photo_key
from oi_tasks.jobs.shards import fit_photo
from oi_tasks.settings import Settings
from oi_tasks.training.batches import BatchReader
from oi_tasks.training.device import cores
from oi_tasks.training.sampling import plan_epoch
from oi_tasks.training.transforms import View

CAMERA, SIDE, BATCH = 1024, 224, 32  # pixels of a photo of the release, and of its canvas; photos
MANY, PER_SHARD = 100, 100


def figures() -> Iterator[Figure]:
    """Sharding, reading, and the memory of reading 100 shards in place of 1."""
    with tempfile.TemporaryDirectory() as name, servers(Path(name) / "state", ("minio",)) as settings:
        folder = Path(name)
        yield _sharding(settings, drawn_jpegs(folder / "camera", 40, CAMERA))
        yield _reading(settings, folder, drawn_jpegs(folder / "canvas", 256, SIDE))
        small = drawn_jpegs(folder / "small", 50, 64)
        peaks = []
        for shards in (1, MANY):
            dataset = dataset_of(settings, folder / f"of-{shards}", small, shards, PER_SHARD, 64)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                peaks.append(pool.apply(_peak, (str(folder / "state" / "env"), str(settings.cache), dataset.id)))
        peer = f"the peak of a process that reads 1 shard of {PER_SHARD} photos; this one reads {MANY}"
        yield Figure("reader_memory", peaks[1] / peaks[0], 1.1, False, "x", peer)


def _sharding(settings: Settings, photos: list[bytes]) -> Figure:
    """One thread each: the step decodes at the nearest of JPEG's own scales, and fetches from the store besides."""
    store = Store(settings)
    keys = [f"{number:064x}" for number in range(len(photos))]
    for key, photo in zip(keys, photos, strict=True):
        store.put_bytes(RAW, photo_key(key), photo)

    def ours() -> None:
        for key in keys:
            fit_photo(store, key, (SIDE, SIDE), 90)

    def pillow() -> None:
        for photo in photos:
            fitted = Image.open(io.BytesIO(photo)).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            fitted.save(io.BytesIO(), "JPEG", quality=90, subsampling=0)

    ours()
    peer = f"Pillow decodes, resizes and encodes the same {len(photos)} photos of {CAMERA} px, per core"
    return Figure("sharding", 1 / ratio(ours, pillow), 1.5, True, "x", peer)


def _reading(settings: Settings, folder: Path, photos: list[bytes]) -> Figure:
    """Batches as training gets them: shuffled, cropped, mirrored, stacked, in [0, 1]."""
    dataset = dataset_of(settings, folder / "reading", photos, 8, len(photos) // 8, SIDE)
    reader, made = ShardReader(dataset, "train"), _batches()
    plan = plan_epoch(reader.bins, reader.places.shards, BATCH, [0])

    def ours() -> None:
        for _ in made.read(reader, plan, lambda row: View.draw(np.random.default_rng([0, row]))):
            pass

    def bare() -> None:
        for photo in photos:
            np.asarray(Image.open(io.BytesIO(photo)).resize((SIDE, SIDE), Image.Resampling.BILINEAR, (8, 8, 200, 200)))

    ours()
    peer = f"a bare loop of decode and resize of the same {len(photos)} photos of {SIDE} px"
    return Figure("reader", 1 / ratio(ours, bare), 0.8, True, "x", peer)


def _batches() -> BatchReader:
    nothing = np.zeros(1), np.ones(1, dtype=np.bool_)
    return BatchReader(lambda reader, row, view: nothing, torch.device("cpu"), torch.channels_last, max(2, cores()))


def _peak(env: str, cache: str, dataset_id: str) -> int:
    """Peak memory of this process, in kB, once it has read an epoch."""
    settings = Settings(_env_file=env, cache=Path(cache))
    reader = ShardReader(Outputs(Store(settings), settings.cache).get("shards", dataset_id), "train")
    for _ in _batches().read(reader, plan_epoch(reader.bins, reader.places.shards, BATCH, [0])):
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
