"""From a release to a snapshot, on a real store."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from oi_tasks.drawn.release import draw_release
from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Output, Outputs
from oi_tasks.io.store import RAW, Store, photo_key
from oi_tasks.jobs.base import execute
from oi_tasks.jobs.fetch import Fetch
from oi_tasks.jobs.photos import Photos
from oi_tasks.jobs.snapshot import Snapshot
from oi_tasks.jobs.tables import Tables, label_counts
from oi_tasks.profile import ReleaseSpec
from oi_tasks.settings import Settings

PHOTOS = 60


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release") / "drawn"
    draw_release(folder, photos=PHOTOS, seed=3)
    return folder


@pytest.fixture
def copy(release: Path, tmp_path: Path) -> Path:
    return shutil.copytree(release, tmp_path / "copy")


def fetched(folder: Path, settings: Settings, **more: Any) -> dict[str, Any]:
    return execute(Fetch(release=ReleaseSpec(folders=(str(folder),), **more)), settings)


def chain(folder: Path, settings: Settings) -> dict[str, dict[str, Any]]:
    """Fetch, tables, photos, snapshot."""
    said = {"release": fetched(folder, settings)}
    said["tables"] = execute(Tables(release=said["release"]["id"]), settings)
    ids = {name: one["id"] for name, one in said.items()}
    said["photos"] = execute(Photos(**ids), settings)
    said["snapshot"] = execute(Snapshot(**ids, photos=said["photos"]["id"]), settings)
    return said


@pytest.fixture(scope="module")
def said(release: Path, minio_settings: Settings) -> dict[str, dict[str, Any]]:
    return chain(release, minio_settings)


def output(said: dict[str, dict[str, Any]], part: str, settings: Settings) -> Output:
    return Outputs(Store(settings), settings.cache).get(said[part]["job"], said[part]["id"])


def test_every_row_is_accounted_for(said, release: Path, minio_settings: Settings) -> None:
    tables = output(said, "tables", minio_settings)
    parts = {name: pl.read_parquet(tables.local(name)) for name in tables.names("boxes/")}
    assert sorted(parts) == [f"boxes/{digit}.parquet" for digit in "0123456789abcdef"]
    unreadable = pl.read_parquet(tables.local("unreadable.parquet"))
    lines = len((release / "train-annotations-bbox.csv").read_text().splitlines()) - 1
    assert sum(part.height for part in parts.values()) + unreadable.height == lines
    assert unreadable.height == 2  # text where a number stands, and too few columns
    for name, part in parts.items():
        assert part["ImageID"].str.slice(0, 1).is_in([name[6]]).all()


def test_counts_per_label_against_a_plain_count(said, minio_settings: Settings) -> None:
    tables = output(said, "tables", minio_settings)
    boxes = pl.concat([pl.read_parquet(tables.local(name)) for name in tables.names("boxes/")])
    labels = pl.read_parquet(tables.local("image_labels.parquet"))
    counted = {row["LabelName"]: row for row in label_counts(boxes, labels).iter_rows(named=True)}
    present: dict[str, set[str]] = {}
    for image_id, label in boxes.select("ImageID", "LabelName").iter_rows():
        present.setdefault(label, set()).add(image_id)
    for image_id, label, confidence in labels.select("ImageID", "LabelName", "Confidence").iter_rows():
        if confidence >= 1:
            present.setdefault(label, set()).add(image_id)
    assert {label: row["photos"] for label, row in counted.items()} == {
        label: len(ids) for label, ids in present.items()
    }
    boxed = boxes.group_by("LabelName").agg(pl.col("ImageID").n_unique())
    with_boxes = {label: row["photos_with_boxes"] for label, row in counted.items() if row["photos_with_boxes"]}
    assert with_boxes == dict(boxed.iter_rows())
    assert boxes["ImageID"].is_sorted()
    shuffled = boxes.sample(fraction=1, shuffle=True, seed=1)  # in any order the counts are the same
    assert label_counts(shuffled, labels).equals(label_counts(boxes, labels))
    assert sum(row["boxes"] for row in counted.values()) == boxes.height
    assert sum(row["groupof"] for row in counted.values()) == boxes.filter(pl.col("IsGroupOf") == 1).height


def test_good_photos_are_stored_and_bad_ones_named(said, release: Path, minio_settings: Settings, store: Store) -> None:
    photos = pl.read_parquet(output(said, "photos", minio_settings).local("photos.parquet"))
    assert said["photos"]["result"] == {"good": PHOTOS, "bad": {"missing": 1, "not_an_image": 1, "truncated": 1}}
    good = photos.filter(pl.col("reason").is_null())
    for image_id, sha256 in good.select("ImageID", "sha256").head(10).iter_rows():
        assert store.get_bytes(RAW, photo_key(sha256)) == (release / "train" / f"{image_id}.jpg").read_bytes()
    bad = photos.filter(pl.col("reason").is_in(["not_an_image", "truncated"]))
    assert not any(store.exists(RAW, photo_key(sha256)) for sha256 in bad["sha256"])


def test_the_snapshot_names_every_object(said, minio_settings: Settings) -> None:
    text = output(said, "snapshot", minio_settings).read_json("snapshot.json")
    for part in ("release", "tables", "photos"):
        held = output(said, part, minio_settings)
        assert text["outputs"][part] == held.id
        for name, ref in held.manifest.objects.items():
            assert text["objects"][f"{part}/{name}"]["sha256"] == ref.sha256


def test_nothing_new_is_not_done_again(said, release: Path, minio_settings: Settings) -> None:
    again = chain(release, minio_settings)
    assert all(one["reused"] for one in again.values())
    assert {part: one["id"] for part, one in again.items()} == {part: one["id"] for part, one in said.items()}


def test_a_touched_file_runs_fetch_alone(said, copy: Path, minio_settings: Settings) -> None:
    first = chain(copy, minio_settings)
    os.utime(copy / "train-annotations-bbox.csv", (1, 1))
    again = chain(copy, minio_settings)
    assert [part for part, one in again.items() if not one["reused"]] == ["release"]
    assert again["snapshot"]["id"] == first["snapshot"]["id"]


def test_a_changed_row_changes_the_snapshot(copy: Path, minio_settings: Settings) -> None:
    first = chain(copy, minio_settings)
    path = copy / "train-annotations-bbox.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    again = chain(copy, minio_settings)
    assert again["tables"]["result"]["boxes"] == first["tables"]["result"]["boxes"] - 1
    assert again["snapshot"]["id"] != first["snapshot"]["id"]


def test_two_folders_are_one_release(release: Path, tmp_path: Path, minio_settings: Settings) -> None:
    draw_release(tmp_path / "second", photos=20, seed=9, defects=False)
    spec = ReleaseSpec(folders=(str(release), str(tmp_path / "second")))
    first = execute(Fetch(release=spec), minio_settings)
    tables = execute(Tables(release=first["id"]), minio_settings)
    said = execute(Photos(release=first["id"], tables=tables["id"]), minio_settings)
    assert said["result"]["good"] == PHOTOS + 20


def test_photos_that_cannot_be_are_recorded_and_none_ends_the_run(copy: Path, minio_settings: Settings) -> None:
    (copy / "train" / "passwd.jpg").write_bytes(b"x")
    (copy / "train" / "ffffffffffffff00.jpg").write_bytes(b"")
    first = next(iter(sorted((copy / "train").glob("0*.jpg"))))
    first.write_bytes(first.read_bytes() + b"more")
    said = chain(copy, minio_settings)
    bad = said["photos"]["result"]["bad"]
    assert bad == {"bad_name": 1, "empty": 1, "missing": 1, "not_an_image": 1, "truncated": 1, "wrong_size": 1}


@pytest.mark.parametrize(
    ("gone", "what"),
    [
        ("class-descriptions-boxable.csv", "no descriptions file"),
        ("bbox_labels_600_hierarchy.json", "no hierarchy file"),
        ("train", "no photos of train"),
    ],
)
def test_a_release_that_lacks_something(copy: Path, minio_settings: Settings, gone: str, what: str) -> None:
    path = copy / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(BadInput, match=what):
        fetched(copy, minio_settings)


def test_files_that_cannot_be_read(copy: Path, minio_settings: Settings) -> None:
    (copy / "bbox_labels_600_hierarchy.json").write_text(json.dumps({"LabelName": "/m/x", "Subcategory": [{}]}))
    with pytest.raises(BadInput, match="the hierarchy cannot be read"):
        chain(copy, minio_settings)
    (copy / "bbox_labels_600_hierarchy.json").write_text("not json")
    with pytest.raises(BadInput, match="the hierarchy cannot be read"):
        chain(copy, minio_settings)


def test_a_name_cannot_lead_out_of_the_folder(copy: Path) -> None:
    from oi_tasks.io.sources import FolderSource

    with pytest.raises(FileNotFoundError):
        FolderSource(str(copy / "train")).read("../class-descriptions-boxable.csv")


def test_the_real_photos(real_photos: Path, minio_settings: Settings) -> None:
    said = fetched(real_photos, minio_settings)
    tables = execute(Tables(release=said["id"]), minio_settings)["result"]
    assert tables == {
        "boxes": 1643,
        "image_labels": 4492,
        "machine_labels": 0,
        "photos_listed": 4492,
        "edges": 847,
        "labels": 601,
        "unreadable": 0,
    }
