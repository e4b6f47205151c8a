"""Faults on the way from a release to a snapshot: killed, run twice at once, and no room on the disk."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from oi_tasks.drawn.release import draw_release
from oi_tasks.io.store import DATA, RAW, Store
from oi_tasks.jobs.base import execute
from oi_tasks.jobs.fetch import Fetch
from oi_tasks.jobs.photos import Photos
from oi_tasks.jobs.tables import Tables
from oi_tasks.profile import ReleaseSpec
from oi_tasks.settings import Settings

pytestmark = pytest.mark.slow
PHOTOS, COPIES = 40, 15  # each photo is there in so many copies: bringing them in takes a while


def many_photos(folder: Path) -> Path:
    """A release whose photos take a while to come in."""
    draw_release(folder, photos=PHOTOS, seed=21, defects=False)
    for path in list((folder / "train").iterdir()):
        data = path.read_bytes()
        for copy in range(COPIES - 1):
            other = folder / "train" / f"{copy:02x}{path.name[2:]}"
            if not other.exists():
                other.write_bytes(data + copy.to_bytes(4, "big"))
    return folder


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return many_photos(tmp_path_factory.mktemp("release") / "faults")


@pytest.fixture(scope="module")
def fetched(release: Path, minio_settings: Settings) -> str:
    return str(execute(Fetch(release=ReleaseSpec(folders=(str(release),))), minio_settings)["id"])


def oi(settings: Settings, cache: Path, *words: str, **more: Any) -> subprocess.Popen[str]:
    """A step in a process of its own."""
    environment = os.environ | {
        "OI_STORE_ENDPOINT": settings.store_endpoint,
        "OI_STORE_ACCESS_KEY": settings.store_access_key,
        "OI_STORE_SECRET_KEY": settings.store_secret_key.get_secret_value(),
        "OI_STORE_PATIENCE": str(settings.store_patience),
        "OI_CACHE": str(cache),
    }
    command = [str(Path(sys.executable).with_name("oi")), *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, text=True, **pipes, **more)


def test_killed_while_photos_come_in_and_run_again(
    release: Path, fetched: str, minio_settings: Settings, tmp_path: Path
) -> None:
    store, photos = Store(minio_settings), len(list((release / "train").iterdir()))
    tables = execute(Tables(release=fetched), minio_settings)["id"]
    before, published = set(store.list(RAW, "sha256/")), set(store.list(DATA, "outputs/photos/"))
    process = oi(minio_settings, tmp_path, "photos", "--set", f"release={fetched}", "--set", f"tables={tables}")
    deadline = time.monotonic() + 120
    while len(set(store.list(RAW, "sha256/")) - before) < 20:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    brought = set(store.list(RAW, "sha256/")) - before
    assert 20 <= len(brought) < photos  # it was in the middle
    assert set(store.list(DATA, "outputs/photos/")) == published
    again = execute(Photos(release=fetched, tables=tables), minio_settings)
    assert again["result"]["good"] == photos
    assert execute(Photos(release=fetched, tables=tables), minio_settings, force=True)["id"] == again["id"]


def test_two_runs_of_the_same_steps_at_once_make_one_output(
    fetched: str, minio_settings: Settings, tmp_path: Path
) -> None:
    words = ("tables", "--set", f"release={fetched}", "--force")
    two = [oi(minio_settings, tmp_path, *words) for _ in range(2)]  # they share a cache, too
    said = [json.loads(process.communicate(timeout=120)[0]) for process in two]
    assert [process.returncode for process in two] == [0, 0]
    assert len({one["id"] for one in said}) == 1
    assert [one["reused"] for one in said] == [False, False]


def test_a_full_disk_is_one_line_and_leaves_nothing(fetched: str, minio_settings: Settings, tmp_path: Path) -> None:
    """The file-size limit of a process stands for the disk: it fails the same writes."""
    store = Store(minio_settings)
    before = set(store.list(DATA, "outputs/tables/"))
    process = oi(
        minio_settings,
        tmp_path,
        *("tables", "--set", f"release={fetched}", "--force"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert said.strip().splitlines()[-1].startswith("oi: the disk is full"), said
    assert "Traceback" not in said
    assert set(store.list(DATA, "outputs/tables/")) == before
