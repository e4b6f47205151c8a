"""Photos into the store: the step's loop against bare `put_object` calls with as many threads; and its memory.

`OI_BENCH_PHOTOS` is how many photos the memory is measured with, against a hundredth of them: 20,000 unless it is set.
"""

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
from PIL import Image

from bench.measure import Figure, alone, ratio
from oi_tasks.drawn.release import draw_release
from oi_tasks.io.photo_intake import THREADS, bring_photos, write_photos
from oi_tasks.io.sources import open_source
from oi_tasks.io.store import RAW, Store
from oi_tasks.jobs.base import execute
from oi_tasks.jobs.fetch import Fetch
from oi_tasks.jobs.photos import Photos
from oi_tasks.jobs.tables import Tables
from oi_tasks.local import services
from oi_tasks.local.addresses import Addresses
from oi_tasks.profile import ReleaseSpec
from oi_tasks.settings import Settings

PHOTOS = 2400  # enough that what a step costs once, its start and its manifest, weighs little
MANY = int(os.environ.get("OI_BENCH_PHOTOS", "20000"))
FEW = MANY // 100


def figures() -> Iterator[Figure]:
    """The share of the bare rate that the step reaches, decoding and checks included; and of a run with nothing new."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_release(folder / "release", photos=PHOTOS)
        state = folder / "state"
        try:
            services.start(state, ("minio",), Addresses.free())
            settings = Settings(_env_file=state / "env", cache=folder / "cache")
            yield from _measure(settings, folder / "release")
            yield _memory(settings, folder / "many")
        finally:
            services.stop(state)


def _measure(settings: Settings, release: Path) -> Iterator[Figure]:
    store = Store(settings)
    fetch = execute(Fetch(release=ReleaseSpec(folders=(str(release),))), settings)
    tables = execute(Tables(release=fetch["id"]), settings)
    job = Photos(release=fetch["id"], tables=tables["id"])
    annotation = set(store.list(RAW, "sha256/"))
    contents = [path.read_bytes() for path in sorted((release / "train").glob("*.jpg"))]

    def forget() -> None:
        for key in set(store.list(RAW)) - annotation:
            store.remove(RAW, key)

    def step() -> None:
        execute(job, settings, force=True)

    def bare() -> None:
        def put(number: int) -> None:
            store.put_bytes(RAW, f"bare/{number}", contents[number])

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(put, range(len(contents))))

    peer = f"a bare put of the same {len(contents)} photos with {THREADS} threads"
    yield Figure("photos_into_store", 1 / ratio(step, bare, before=forget), 0.8, True, "x", peer)
    again = ratio(lambda: execute(job, settings), step)
    yield Figure("photos_nothing_new", again, 0.05, False, "x", "the same step computed anew")


def _memory(settings: Settings, folder: Path) -> Figure:
    """The peak for many photos against that for few. They are small, so that what is kept of each weighs most."""
    (folder / "train").mkdir(parents=True)
    photo = Image.effect_noise((64, 64), 60)
    for number in range(MANY):
        photo.save(folder / "train" / f"{number:016x}.jpg", comment=str(number))
    few, many = (alone(bring, settings, folder, count)[1] for count in (FEW, MANY))
    text = f"of the peak for {FEW:,} photos, {few / 1e6:.0f} MB; {MANY:,} photos"
    return Figure("photos_peak_grown", many / few, 1.25, False, "x", text)


def bring(settings: Settings, folder: Path, count: int) -> None:
    """What the step does with its photos."""
    ids = pl.DataFrame({"ImageID": [f"{number:016x}" for number in range(count)]})
    nothing = pl.lit(None, pl.Int64)
    facts = {"split": pl.lit("train"), "source": pl.lit("folder"), "size": nothing, "must_have": nothing}
    name, there = pl.concat_str("ImageID", pl.lit(".jpg")), pl.lit(True)
    taken = ids.with_columns(name=name, md5=pl.lit(None, pl.String), there=there, **facts)
    store = Store(settings)
    brought = bring_photos(store, {"folder": open_source(store, str(folder), settings)}, taken, lambda: None)
    with tempfile.TemporaryDirectory() as out:
        reasons = write_photos(brought, Path(out) / "photos.parquet")
    if reasons[""] < count:
        raise RuntimeError(f"photos that are none, so nothing is measured: {reasons}")
