"""MinIO is killed while photos come in: started again, nothing is lost; gone for good, the step says so in a line."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from oi_tasks.core.fingerprint import sha256_of
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import DATA, RAW, Store, photo_key
from oi_tasks.jobs.base import execute
from oi_tasks.jobs.fetch import Fetch
from oi_tasks.jobs.photos import Photos
from oi_tasks.jobs.tables import Tables
from oi_tasks.local import processes, services
from oi_tasks.local.addresses import Addresses
from oi_tasks.profile import ReleaseSpec
from oi_tasks.settings import Settings
from tests.jobs.test_ingest_faults import COPIES, PHOTOS, many_photos, oi

pytestmark = pytest.mark.slow
AWAY = 5.0  # seconds
TIMEOUT = 120


@dataclass
class OwnStore:
    """A MinIO of the test's own, with a release fetched into it."""

    state: Path
    addresses: Addresses
    settings: Settings
    ids: dict[str, str]

    def start(self) -> None:
        """Start it, on the ports where it was."""
        services.start(self.state, ("minio",), self.addresses)

    def kill(self) -> None:
        """End it as a crash does."""
        record = processes.load(self.state.resolve(), "minio")
        assert record is not None
        os.kill(record.pid, signal.SIGKILL)

    def killed_midway(self, photos: subprocess.Popen[str]) -> set[str]:
        """Kill it once some photos are there. Returns those that it was asked to keep until then."""
        store, deadline = Store(self.settings), time.monotonic() + TIMEOUT
        before = set(store.list(RAW, "sha256/"))
        while len(brought := set(store.list(RAW, "sha256/")) - before) < 20:
            assert photos.poll() is None, photos.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.01)
        self.kill()
        assert photos.poll() is None, photos.communicate()[1]
        assert len(brought) < PHOTOS * COPIES // 2  # most were still to come
        return brought

    def bring(self, cache: Path, patience: float) -> subprocess.Popen[str]:
        """The step in a process of its own."""
        words = [f"{name}={value}" for name, value in self.ids.items()]
        settings = self.settings.model_copy(update={"store_patience": patience})
        return oi(settings, cache, "photos", "--force", *(part for word in words for part in ("--set", word)))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnStore]:
    folder, state, addresses = many_photos(tmp_path / "release"), tmp_path / "state", Addresses.free()
    try:
        services.start(state, ("minio",), addresses)
        settings = Settings(_env_file=state / "env", cache=tmp_path / "cache")
        release = execute(Fetch(release=ReleaseSpec(folders=(str(folder),))), settings)["id"]
        tables = execute(Tables(release=release), settings)["id"]
        yield OwnStore(state, addresses, settings, {"release": release, "tables": tables})
    finally:
        services.stop(state)


def test_killed_and_started_again_nothing_is_lost(own: OwnStore, tmp_path: Path) -> None:
    photos = own.bring(tmp_path / "other", patience=TIMEOUT)
    brought = own.killed_midway(photos)
    assert photos.stderr is not None
    said = ""
    while "does not answer" not in said:  # on a busy machine the step may not ask for seconds
        line = photos.stderr.readline()
        assert line, said
        said += line
    time.sleep(AWAY)
    assert photos.poll() is None
    own.start()
    said += photos.stderr.read()
    assert photos.wait(TIMEOUT) == 0, said
    assert said.count("does not answer: waiting for it") == 1
    store = Store(own.settings)
    (published,) = Outputs(store, own.settings.cache).list("photos")
    rows = pl.read_parquet(Outputs(store, own.settings.cache).get("photos", published).local("photos.parquet"))
    assert rows.height == len(list((tmp_path / "release" / "train").iterdir()))
    assert rows["reason"].null_count() == rows.height
    assert {photo_key(sha256) for sha256 in rows["sha256"]} >= brought
    for sha256 in rows["sha256"]:
        assert sha256_of(store.get_bytes(RAW, photo_key(sha256))) == sha256
    assert execute(Photos(**own.ids), own.settings, force=True)["id"] == published


def test_gone_for_good_the_step_ends_with_one_line(own: OwnStore, tmp_path: Path) -> None:
    photos = own.bring(tmp_path / "other", patience=3)
    brought = own.killed_midway(photos)
    began = time.monotonic()
    said = photos.communicate(timeout=TIMEOUT)[1].strip().splitlines()
    assert photos.returncode == 4, said
    assert 3 <= time.monotonic() - began < 30
    assert "Traceback" not in "".join(said)
    assert [line for line in said if line.startswith("oi: ")] == said[-1:]
    assert said[-1].startswith("oi: the store does not answer")
    assert own.settings.store_endpoint in said[-1]
    assert "OI_STORE_ENDPOINT" in said[-1]
    own.start()
    store = Store(own.settings)
    assert list(store.list(DATA, "outputs/photos/")) == []  # nothing half-written is published
    assert set(store.list(RAW, "sha256/")) >= brought
    assert execute(Photos(**own.ids), own.settings)["result"]["bad"] == {}
