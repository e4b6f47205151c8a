"""`oi snapshot list | show | diff | verify` on snapshots of a real store."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from oi_tasks.cli import app
from oi_tasks.drawn.release import draw_release
from oi_tasks.io.outputs import Outputs, manifest_key
from oi_tasks.io.store import DATA, RAW, Store, photo_key
from oi_tasks.jobs import job_class
from oi_tasks.jobs.base import execute
from oi_tasks.local import services
from oi_tasks.local.addresses import Addresses
from oi_tasks.profile import Profile
from oi_tasks.settings import Settings
from oi_tasks.settings import settings as process_settings

pytestmark = pytest.mark.slow
BOXES, PHOTOS = "train-annotations-bbox.csv", 30


@pytest.fixture(scope="module")
def own_settings(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A store of its own: the list of snapshots is compared whole."""
    state = tmp_path_factory.mktemp("snapshots")
    services.start(state, ("minio",), Addresses.free())
    try:
        yield Settings(_env_file=state / "env", cache=state / "cache")
    finally:
        services.stop(state)


@pytest.fixture
def oi(own_settings: Settings, own_environment: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run `oi snapshot …` in this process; returns what it printed, or what it raised."""
    for name, value in {
        "OI_STORE_ENDPOINT": own_settings.store_endpoint,
        "OI_STORE_ACCESS_KEY": own_settings.store_access_key,
        "OI_STORE_SECRET_KEY": own_settings.store_secret_key.get_secret_value(),
        "OI_CACHE": str(own_settings.cache),
    }.items():
        monkeypatch.setenv(name, value)
    process_settings.cache_clear()
    handler = signal.getsignal(signal.SIGTERM)
    yield lambda *words: CliRunner().invoke(app, ["snapshot", *words])
    signal.signal(signal.SIGTERM, handler)


def ingested(folder: Path, settings: Settings, force: bool = False) -> dict[str, str]:
    profile = Profile.model_validate({"name": "t", "release": {"folders": [str(folder)]}})
    ids: dict[str, str] = {}
    for part, job in (("release", "fetch"), ("tables", "tables"), ("photos", "photos"), ("snapshot", "snapshot")):
        ids[part] = execute(job_class(job).from_profile(profile, **ids), settings, force=force)["id"]
    return ids


@pytest.fixture(scope="module")
def two(own_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, str]]:
    """A release, and the same with one box moved, one box's flag changed, one photo gone, one label renamed."""
    first = tmp_path_factory.mktemp("first") / "release"
    draw_release(first, photos=PHOTOS, seed=4, defects=False)
    second = shutil.copytree(first, tmp_path_factory.mktemp("second") / "release")
    lines = (second / BOXES).read_text().splitlines()
    moved, flagged = lines[1].split(","), lines[9].split(",")
    moved[4], flagged[8] = "0.000001", "-1"
    lines[1], lines[9] = ",".join(moved), ",".join(flagged)
    (second / BOXES).write_text("\n".join(lines) + "\n")
    names = (second / "class-descriptions-boxable.csv").read_text()
    (second / "class-descriptions-boxable.csv").write_text(names.replace(",Car\n", ",Motor car\n"))
    max((second / "train").glob("*.jpg")).unlink()
    return ingested(first, own_settings), ingested(second, own_settings)


def test_list_and_show(two: Any, oi: Any) -> None:
    first, second = (ids["snapshot"] for ids in two)
    rows = json.loads(oi("list", "--json").stdout)
    assert {row["id"]: row["photos"] for row in rows} == {first: PHOTOS, second: PHOTOS - 1}
    assert all(word in oi("list").stdout for word in (first, second, "30 photos"))
    shown = json.loads(oi("show", first[:6], "--json").stdout)
    assert shown["profile"]["release"]["splits"] == ["train"]
    assert shown["produced"]["code"] == shown["parts"]["tables"]["code"]
    assert {file["name"] for file in shown["release"]["files"]} >= {BOXES, "class-descriptions-boxable.csv"}
    assert shown["counts"]["photos"] == {"good": PHOTOS, "bad": {}}
    assert all(len(one["sha256"]) == 64 and one["size"] > 0 for one in shown["objects"].values())
    assert shown["produced"]["code"] in oi("show", "latest").stdout


def test_diff_names_what_was_changed(two: Any, oi: Any) -> None:
    first, second = (ids["snapshot"] for ids in two)
    told = json.loads(oi("diff", first, second, "--json").stdout)
    counts = {kind: [told[kind][change] for change in ("added", "gone", "changed")] for kind in told if kind[-1] == "s"}
    assert counts == {
        "files": [0, 0, 2],
        "labels": [0, 0, 1],
        "edges": [0, 0, 0],
        "photos": [0, 0, 1],
        "image_labels": [0, 0, 0],
        "boxes": [1, 1, 1],
    }
    assert told["labels"]["examples"]["changed"][0]["now"] == {"DisplayName": "Motor car"}
    assert told["photos"]["examples"]["changed"][0]["now"]["reason"] == "missing"
    assert told["boxes"]["examples"]["added"][0]["XMin"] == 0.000001
    assert told["boxes"]["examples"]["changed"][0]["now"] == {"IsOccluded": -1}
    said = oi("diff", first, second).stdout
    assert "boxes: 1 added, 1 gone, 1 changed" in said
    assert "DisplayName Car → Motor car" in said
    assert "image labels: the same" in said


def test_an_id_that_is_none(two: Any, oi: Any) -> None:
    assert "there is no snapshot 'ffff'" in str(oi("show", "ffff").exception)
    assert "there is no snapshot 'zz'" in str(oi("verify", "zz").exception)


def test_verify_reads_everything_back_and_names_what_differs(two: Any, oi: Any, own_settings: Settings) -> None:
    done = oi("verify", "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert [one["ok"] for one in told] == [True, True]
    store, ids = Store(own_settings), two[1]
    outputs = Outputs(store, own_settings.cache)
    photos = pl.read_parquet(outputs.get("photos", ids["photos"]).local("photos.parquet")).filter(
        pl.col("reason").is_null()
    )
    expected = 1 + len(json.loads(oi("show", ids["snapshot"], "--json").stdout)["objects"]) + photos.height + 5
    assert {one["snapshot"]: one["objects"] for one in told}[ids["snapshot"]] == expected
    box = outputs.get("tables", ids["tables"]).manifest.objects["boxes/3.parquet"]
    kept = {
        (RAW, photo_key(photos["sha256"][0])): b"",
        (RAW, photo_key(photos["sha256"][1])): b"another",
        (box.bucket, box.key): None,
    }
    before = {place: store.get_bytes(*place) for place in kept}
    try:
        same_size = bytearray(before[RAW, photo_key(photos["sha256"][0])])
        same_size[-1] ^= 1
        store.put_bytes(RAW, photo_key(photos["sha256"][0]), bytes(same_size))
        store.put_bytes(RAW, photo_key(photos["sha256"][1]), b"another")
        store.remove(box.bucket, box.key)
        done = oi("verify", ids["snapshot"], "--json")
        assert "1 of 1 snapshots differ" in str(done.exception)
        assert done.exception.exit_code == 1
        found = {one["what"]: (one["problem"], one["detail"]) for one in json.loads(done.stdout)[0]["differs"]}
        listed = photos["size"][1]
        assert found == {
            f"photo {photos['ImageID'][0]}": ("damaged", "its sha256 is another"),
            f"photo {photos['ImageID'][1]}": ("damaged", f"7 bytes where {listed} were published"),
            "tables/boxes/3.parquet": ("missing", ""),
        }
        assert "damaged  photo" in oi("verify", ids["snapshot"]).stdout
    finally:
        for (bucket, key), data in before.items():
            store.put_bytes(bucket, key, data)


def test_steps_that_are_forced_mend_what_verify_finds(two: Any, oi: Any, own_settings: Settings) -> None:
    store, ids = Store(own_settings), two[0]
    outputs = Outputs(store, own_settings.cache)
    release = outputs.get("fetch", ids["release"]).read_json("release.json")
    photos = pl.read_parquet(outputs.get("photos", ids["photos"]).local("photos.parquet"))
    box = outputs.get("tables", ids["tables"]).manifest.objects["boxes/3.parquet"]
    damaged = {
        (RAW, photo_key(release["files"][0]["sha256"])),
        (RAW, photo_key(photos["sha256"][0])),
        (box.bucket, box.key),
    }
    before = {place: store.get_bytes(*place) for place in damaged}
    for place in damaged:
        store.put_bytes(*place, b"damaged")
    try:
        assert len(json.loads(oi("verify", ids["snapshot"], "--json").stdout)[0]["differs"]) == len(damaged)
        (folder,) = release["sources"].values()
        assert ingested(Path(folder), own_settings, force=True) == ids
        assert json.loads(oi("verify", ids["snapshot"], "--json").stdout)[0]["ok"] is True
    finally:
        for place, data in before.items():
            store.put_bytes(*place, data)


def test_a_changed_manifest_is_found(two: Any, oi: Any, own_settings: Settings) -> None:
    store, ids = Store(own_settings), two[0]
    key = manifest_key("photos", ids["photos"])
    before = store.get_bytes(DATA, key)
    try:
        store.put_bytes(DATA, key, before.replace(b'"good": 30', b'"good": 31'))
        told = json.loads(oi("verify", ids["snapshot"], "--json").stdout)[0]
        assert [(one["problem"], one["detail"]) for one in told["differs"]] == [("damaged", "its id is not its hash")]
        store.put_bytes(DATA, key, b"{}")
        told = json.loads(oi("verify", ids["snapshot"], "--json").stdout)[0]
        assert [one["problem"] for one in told["differs"]] == ["unreadable"]
        assert told["unread"] == ["what photos/photos.parquet names"]
    finally:
        store.put_bytes(DATA, key, before)


def test_the_step_itself_runs_by_the_same_word(two: Any, oi: Any) -> None:
    ids = two[0]
    words = [f"{part}={ids[part]}" for part in ("release", "tables", "photos")]
    done = oi("--profile", "demo", *[word for one in words for word in ("--set", one)])
    assert done.exit_code == 0, done.exception
    assert json.loads(done.stdout)["id"] == ids["snapshot"]
    assert "properties" in json.loads(oi("--schema").stdout)
