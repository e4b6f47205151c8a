"""Validation and the data gate on a real store: what is accepted is what the next snapshot is compared with."""

import csv
from pathlib import Path
from typing import Any

import pytest

from oi_tasks.drawn.hierarchy import MIDS
from oi_tasks.drawn.release import draw_release
from oi_tasks.io.accepted import AcceptedSnapshots
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import REPORTS, Store
from oi_tasks.jobs.base import execute
from oi_tasks.jobs.data_gate import DataGate
from oi_tasks.jobs.fetch import Fetch
from oi_tasks.jobs.photos import Photos
from oi_tasks.jobs.snapshot import Snapshot
from oi_tasks.jobs.tables import Tables
from oi_tasks.jobs.validate import Validate
from oi_tasks.profile import ReleaseSpec
from oi_tasks.settings import Settings

LINE = "quality-test"


def snapshot_of(folder: Path, settings: Settings) -> str:
    ids = {"release": execute(Fetch(release=ReleaseSpec(folders=(str(folder),))), settings)["id"]}
    ids["tables"] = execute(Tables(**ids), settings)["id"]
    photos = execute(Photos(**ids), settings)["id"]
    return str(execute(Snapshot(**ids, photos=photos), settings)["id"])


def validated(snapshot: str, settings: Settings) -> dict[str, Any]:
    return execute(Validate(snapshot=snapshot, max_quarantined=0.2, line=LINE), settings)


def page_of(said: dict[str, Any], store: Store) -> str:
    return store.get_bytes(REPORTS, said["result"]["report"].removeprefix(f"{REPORTS}/")).decode()


def without(folder: Path, label: str) -> None:
    """The release without the boxes and image labels of a label."""
    for path in folder.glob("train-annotations-*.csv"):
        rows = list(csv.reader(path.read_text().splitlines()))
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(row for row in rows if label not in row)


@pytest.mark.slow
def test_a_snapshot_is_compared_with_the_last_accepted_one(tmp_path: Path, minio_settings: Settings) -> None:
    store = Store(minio_settings)
    outputs = Outputs(store, minio_settings.cache)
    folder = tmp_path / "release"
    draw_release(folder, photos=30, seed=11)
    first = snapshot_of(folder, minio_settings)
    said = validated(first, minio_settings)
    quality = outputs.get("validate", said["id"]).read_json("quality.json")
    assert quality["history"] == []
    assert {one["status"] for one in quality["expectations"] if one["suite"] == "drift"} == {"skipped"}
    page = page_of(said, store)
    assert "No snapshot was accepted before this one" in page
    assert page.count("data:image/jpeg;base64,") >= 4, "boxes that were set apart are shown in their photos"

    gate = DataGate(validated=said["id"], max_quarantined=0.2)
    execute(gate, minio_settings)
    accepted = AcceptedSnapshots(store, LINE)
    assert [one["snapshot"] for one in accepted.all()] == [first]
    assert execute(gate, minio_settings)["reused"]
    assert len(accepted.all()) == 1
    again = validated(first, minio_settings)
    assert (again["reused"], again["id"]) == (True, said["id"]), "an accepted snapshot is not compared with itself"

    without(folder, MIDS["Car"])
    second = snapshot_of(folder, minio_settings)
    said = validated(second, minio_settings)
    quality = outputs.get("validate", said["id"]).read_json("quality.json")
    (vanished,) = (one for one in quality["findings"] if one["code"] == "label_vanished")
    assert [example["LabelName"] for example in vanished["examples"]] == [MIDS["Car"]]
    assert [one["snapshot"] for one in quality["history"]] == [first]
    assert quality["history"][0]["rows"] == accepted.all()[0]["facts"]["rows"]
    assert f"Compared with <code>{first}</code>" in page_of(said, store)
    assert [one["snapshot"] for one in accepted.all()] == [first], "nothing is accepted before the gate has said so"


@pytest.mark.slow
def test_each_judgement_of_a_snapshot_keeps_its_own_page(tmp_path: Path, minio_settings: Settings) -> None:
    """Two profiles on one release: what the second one says must not stand where the first one's page is looked for."""
    store = Store(minio_settings)
    draw_release(tmp_path / "release", photos=30, seed=12)
    snapshot = snapshot_of(tmp_path / "release", minio_settings)
    judged = [execute(Validate(snapshot=snapshot, max_quarantined=most), minio_settings) for most in (0.5, 0.0)]
    assert [said["result"]["verdict"] for said in judged] == ["pass", "fail"]
    first, second = (page_of(said, store) for said in judged)
    own = Outputs(store, minio_settings.cache).get("validate", judged[0]["id"]).read_bytes("quality.html").decode()
    assert first == own != second
