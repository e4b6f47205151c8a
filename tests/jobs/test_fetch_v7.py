"""The shipped profile of V7, from servers laid out as the public ones are, with files in the forms of V5 to V7."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from oi_tasks.drawn.release import draw_release
from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Output, Outputs
from oi_tasks.io.store import Store
from oi_tasks.jobs import job_class
from oi_tasks.jobs.base import execute
from oi_tasks.profile import Profile, load_profile
from oi_tasks.settings import Settings
from tests.io.misbehaving import Site, site

FILES, PHOTOS = "https://storage.googleapis.com", "https://open-images-dataset.s3.amazonaws.com"
SPLITS = {"train": 10, "validation": 5, "test": 5}
CLICKS = [f"XClick{number}{axis}" for axis in "XY" for number in (1, 2, 3, 4)]
LIST = [
    *("ImageID", "Subset", "OriginalURL", "OriginalLandingURL", "License", "AuthorProfileURL", "Author", "Title"),
    *("OriginalSize", "OriginalMD5", "Thumbnail300KURL", "Rotation"),
]
BOXES = {split: f"/openimages/v5/{split}-annotations-bbox.csv" for split in SPLITS}
BOXES["train"] = "/openimages/v6/oidv6-train-annotations-bbox.csv"


def written(header: list[str], rows: list[dict[str, str]], **more: str) -> bytes:
    """A CSV file; what a row has not is in `more`, or empty."""
    text = io.StringIO()
    table = csv.DictWriter(text, header, restval="", lineterminator="\n", extrasaction="ignore")
    table.writeheader()
    table.writerows({**more, **row} for row in rows)
    return text.getvalue().encode()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release") / "drawn"
    draw_release(folder, photos=sum(SPLITS.values()), seed=17, defects=False)
    return folder


@pytest.fixture
def servers_of_v7(drawn: Path) -> Iterator[tuple[Site, Site]]:
    """The server of the files and that of the photos; the drawn photos are shared out to the splits."""
    ids, start = sorted(path.stem for path in (drawn / "train").iterdir()), 0
    tables = {path.name: list(csv.DictReader(path.open())) for path in drawn.glob("train-*.csv")}
    with site() as files, site() as photos:
        for split, count in SPLITS.items():
            own, start = ids[start : start + count], start + count

            def of(name: str, own: list[str] = own) -> list[dict[str, str]]:
                return [row for row in tables[name] if row["ImageID"] in own]

            boxes, labels = of("train-annotations-bbox.csv"), of("train-annotations-human-imagelabels-boxable.csv")
            clicks = CLICKS if split == "train" else []  # only the new box file has them
            files.files[BOXES[split]] = written(list(boxes[0]) + clicks, boxes, **dict.fromkeys(CLICKS, "0.25"))
            name = f"/openimages/v5/{split}-annotations-human-imagelabels-boxable.csv"
            files.files[name] = written(["ImageID", "Source", "LabelName", "Confidence"], labels)
            listed = [row | {"Subset": split, "Title": 'a "photo", untitled'} for row in of("train-images-boxable.csv")]
            boxable = "-boxable" if split == "train" else ""
            name = f"/openimages/2018_04/{split}/{split}-images{boxable}-with-rotation.csv"
            files.files[name] = written(LIST, [row | {"OriginalSize": "5", "Rotation": ""} for row in listed])
            photos.files |= {f"/{split}/{one}.jpg": (drawn / "train" / f"{one}.jpg").read_bytes() for one in own}
        names = (drawn / "class-descriptions-boxable.csv").read_bytes()
        files.files["/openimages/v7/oidv7-class-descriptions-boxable.csv"] = b"LabelName,DisplayName\n" + names
        hierarchy = "bbox_labels_600_hierarchy.json"
        files.files[f"/openimages/2018_04/{hierarchy}"] = (drawn / hierarchy).read_bytes()
        yield files, photos


@pytest.fixture
def profile(servers_of_v7: tuple[Site, Site]) -> Profile:
    """The shipped profile, each server by the one that stands for it."""
    files, photos = servers_of_v7
    text = load_profile("openimages-v7").model_dump_json()
    profile = Profile.model_validate_json(text.replace(FILES, files.address).replace(PHOTOS, photos.address))
    assert "https://" not in profile.release.model_dump_json()
    return profile


def test_v7_as_published(
    profile: Profile, servers_of_v7: tuple[Site, Site], drawn: Path, minio_settings: Settings
) -> None:
    files, photos = servers_of_v7
    said: dict[str, Any] = {}
    for part, job in (("release", "fetch"), ("tables", "tables"), ("photos", "photos"), ("snapshot", "snapshot")):
        ids = {name: one["id"] for name, one in said.items()}
        said[part] = execute(job_class(job).from_profile(profile, **ids), minio_settings)

    def output(part: str) -> Output:
        return Outputs(Store(minio_settings), minio_settings.cache).get(said[part]["job"], said[part]["id"])

    assert {path for _, path, _ in files.asked} == set(files.files)  # each file of the profile, and nothing else
    assert said["release"]["result"] == {"sources": 1, "files": len(files.files), "photos": len(photos.files)}
    assert said["photos"]["result"] == {"good": len(photos.files), "bad": {}}
    table = pl.read_parquet(output("photos").local("photos.parquet"))
    assert dict(table.group_by("split").len().iter_rows()) == SPLITS

    counted = said["tables"]["result"]
    assert counted["unreadable"] == 0
    assert counted["photos_listed"] == sum(SPLITS.values())
    assert counted["labels"] == len((drawn / "class-descriptions-boxable.csv").read_text().splitlines())
    tables = output("tables")
    read = pl.concat(pl.read_parquet(tables.local(name)) for name in tables.names("boxes/"))
    true = pl.read_csv(drawn / "train-annotations-bbox.csv", schema_overrides=read.schema)
    columns = list(true.columns)
    assert read.select(columns).sort(columns).equals(true.sort(columns))  # and no column of clicks


def test_a_file_that_is_not_there_is_named(
    profile: Profile, servers_of_v7: tuple[Site, Site], minio_settings: Settings
) -> None:
    files, _ = servers_of_v7
    del files.files[BOXES["train"]]
    with pytest.raises(BadInput, match=r"there is no such file .*oidv6-train-annotations-bbox\.csv"):
        execute(job_class("fetch").from_profile(profile), minio_settings)
