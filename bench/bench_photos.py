"""Photos into the store: the step's loop against bare `put_object` calls with as many threads."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.measure import Figure, ratio
from oi_tasks.drawn.release import draw_release
from oi_tasks.io.photo_intake import THREADS
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
