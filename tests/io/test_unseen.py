"""Which photos of another dataset a model has not seen, and why there may be none; on datasets in a real store."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import Store
from oi_tasks.io.unseen import FEWEST, LeftOut, unseen_test_photos
from oi_tasks.settings import Settings

CLASSES = [{"index": 0, "label": "/m/cat", "name": "Cat"}, {"index": 1, "label": "/m/dog", "name": "Dog"}]
LABELS = {"/m/cat": "/m/cat", "/m/dog": "/m/dog", "/m/pug": "/m/dog", "/m/moth": None}
NOBODY = "0" * 20
PRODUCED = {"at": "2026-11-01T00:00:00+00:00"}


class Datasets:
    """Datasets of some photos, by the split of each; photos are named by numbers."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.outputs = Outputs(Store(settings), folder / "cache")
        self.folder, self.count = folder, 0

    def publish(self, job: str, files: dict[str, Callable[[Path], object]], **fields: Any) -> str:
        self.count += 1
        out = self.folder / str(self.count)
        out.mkdir()
        for name, write in files.items():
            write(out / name)
        key = f"{self.folder.name}-{self.count}"
        return self.outputs.publish(job, "1", key, fields, out, {"photos": {}, "key": key}, PRODUCED).id

    def dataset(
        self,
        test: range,
        train: range = range(0),
        tune: range = range(0),
        *,
        classes: list[dict[str, Any]] = CLASSES,
        labels: dict[str, str | None] = LABELS,
        side: int = 64,
        prefix: str = "",
    ) -> str:
        class_map = {"labels": {label: {"class": to, "rule": ""} for label, to in labels.items()}}
        made = self.publish("collapse", {"class_map.json": lambda path: path.write_text(json.dumps(class_map))})
        index = {
            "canvases": {"1x1": (side, side)},
            "classes": classes,
            "clusters": [],
            "unverified": "negative",
            "counts": {},
        }
        rows = [
            {"id": f"{prefix}{photo:04d}", "sha256": f"{photo:064d}", "split": split, "bin": "1x1"}
            for split, photos in (("test", test), ("train", train), ("tune", tune))
            for photo in photos
        ]
        schema = dict.fromkeys(("id", "sha256", "split", "bin"), pl.String)
        files = {
            "index.json": lambda path: path.write_text(json.dumps(index)),
            "samples.parquet": pl.DataFrame(rows, schema=schema).write_parquet,
        }
        return self.publish("shards", files, classes=made)

    def unseen(self, dataset: str, own: str, *more: str) -> tuple[list[str], int, int]:
        found = unseen_test_photos(self.outputs, dataset, own, {own, *more})
        return found.reader.table["id"].to_list(), found.test_photos, found.seen

    def why(self, dataset: str, own: str, *more: str) -> str:
        with pytest.raises(LeftOut) as left:
            self.unseen(dataset, own, *more)
        return str(left.value)


@pytest.fixture
def made(minio_settings: Settings, tmp_path: Path) -> Datasets:
    return Datasets(minio_settings, tmp_path)


def names(*ranges: range) -> list[str]:
    return [f"{photo:04d}" for photos in ranges for photo in photos]


def test_photos_of_train_and_tune_are_left_out_and_those_of_test_stay(made: Datasets) -> None:
    theirs = made.dataset(range(40), range(40, 90))
    own = made.dataset(range(10), range(20, 25), range(30, 33))
    assert made.unseen(theirs, own) == (names(range(20), range(25, 30), range(33, 40)), 40, 8)


def test_what_any_part_was_trained_on_counts(made: Datasets) -> None:
    theirs, own = made.dataset(range(40)), made.dataset(range(5), range(5, 7))
    masks = made.dataset(range(0), range(39, 60))
    assert made.unseen(theirs, own, masks) == (names(range(5), range(7, 39)), 40, 3)


def test_a_photo_under_another_name_is_the_same_photo(made: Datasets) -> None:
    theirs, own = made.dataset(range(40)), made.dataset(range(0), range(10), prefix="copy")
    assert made.unseen(theirs, own) == (names(range(10, 40)), 40, 10)


@pytest.mark.parametrize(("kept", "enough"), [(FEWEST, True), (FEWEST - 1, False)])
def test_too_few_photos_are_left_out(made: Datasets, kept: int, enough: bool) -> None:
    theirs, own = made.dataset(range(50)), made.dataset(range(3), range(kept, 50))
    if enough:
        assert made.unseen(theirs, own) == (names(range(kept)), 50, 50 - kept)
    else:
        why = f"the candidate was not trained on {kept} of the 50 test photos of {theirs}; at least {FEWEST} are needed"
        assert made.why(theirs, own) == why


def test_a_dataset_without_test_photos_is_left_out(made: Datasets) -> None:
    assert "0 of the 0 test photos" in made.why(made.dataset(range(0), range(9)), made.dataset(range(9)))


def test_class_maps_that_differ_are_left_out(made: Datasets) -> None:
    own = made.dataset(range(40))
    turned = [CLASSES[1] | {"index": 0}, CLASSES[0] | {"index": 1}]
    for classes in (turned, CLASSES[:1]):
        other = made.dataset(range(40), classes=classes)
        assert made.why(other, own) == f"the class map of {other} has other classes"
    for moved in ("/m/cat", None):
        other = made.dataset(range(40), labels=LABELS | {"/m/pug": moved})
        assert made.why(other, own) == f"the class map of {other} puts /m/pug elsewhere"
    other = made.dataset(range(40), labels=LABELS | {"/m/pug": None, "/m/moth": "/m/cat"})
    assert made.why(other, own) == f"the class map of {other} puts /m/moth and 1 more elsewhere"


def test_a_label_that_one_release_lacks_is_no_difference(made: Datasets) -> None:
    own = made.dataset(range(40))
    fewer = {label: to for label, to in LABELS.items() if label != "/m/pug"}
    assert made.unseen(made.dataset(range(40), labels=fewer), own)[1:] == (40, 0)


def test_photos_of_another_size_are_left_out(made: Datasets) -> None:
    other = made.dataset(range(40), side=128)
    assert made.why(other, made.dataset(range(40))) == f"the photos of {other} are stored in other sizes"


def test_what_is_gone_is_named(made: Datasets) -> None:
    there = made.dataset(range(40))
    assert made.why(NOBODY, there) == f"the champion's dataset {NOBODY} is gone"
    assert made.why(there, NOBODY) == f"the candidate's dataset {NOBODY} is gone"
    assert made.why(there, there, NOBODY).endswith(f"was trained on: dataset {NOBODY} is gone")
