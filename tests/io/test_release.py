"""Which file is what, by the names under which Open Images publishes them."""

from collections import Counter

import pytest

from oi_tasks.io.release import sort_out
from oi_tasks.io.sources import SourceFile
from oi_tasks.profile import load_profile


def told(*names: str, splits: tuple[str, ...] = ("train",)) -> dict[str, str]:
    annotation, _ = sort_out([SourceFile(name, 1, "") for name in names], splits)
    return {one.file.name: one.kind for one in annotation}


def test_the_names_of_each_version() -> None:
    names = {
        "train/train-annotations-bbox.csv": "boxes",  # V4, as its bucket has it
        "train-annotations-human-imagelabels-boxable.csv": "image_labels",
        "train-annotations-machine-imagelabels.csv": "machine_labels",
        "train-images-boxable-with-rotation.csv": "images",
        "class-descriptions-boxable.csv": "descriptions",
        "bbox_labels_600_hierarchy.json": "hierarchy",
    }
    assert told(*names) == names
    names = {
        "oidv6-train-annotations-bbox.csv": "boxes",
        "oidv7-train-annotations-human-imagelabels.csv": "image_labels",
        "train-images-with-labels-with-rotation.csv": "images",
        "oidv7-class-descriptions-boxable.csv": "descriptions",
    }
    assert told(*names) == names
    names = {
        "challenge-2019-train-detection-bbox.csv": "boxes",
        "challenge-2019-train-detection-human-imagelabels.csv": "image_labels",
        "challenge-2019-classes-description-500.csv": "descriptions",
        "challenge-2019-label500-hierarchy.json": "hierarchy",
    }
    assert told(*names) == names


def test_a_split_that_is_shortened() -> None:
    """V7 has oidv7-val-…, and photos of that split in validation/ all the same."""
    name = "oidv7-val-annotations-human-imagelabels.csv"
    (found,), _ = sort_out([SourceFile(name, 1, "")], ("validation",))
    assert (found.kind, found.split) == ("image_labels", "validation")
    assert told(name, splits=("train", "test")) == {}


@pytest.mark.parametrize("name", ["openimages-v4", "openimages-v7"])
def test_every_file_of_a_published_profile_is_known(name: str) -> None:
    spec = load_profile(name).release
    names = [file.address.rpartition("/")[2] for file in spec.files]
    kinds = Counter(told(*names, splits=spec.splits).values())
    assert kinds == {"boxes": 3, "image_labels": 3, "images": 3, "descriptions": 1, "hierarchy": 1}


def test_other_splits_and_other_files_are_left_alone() -> None:
    others = (
        "test-annotations-bbox.csv",
        "class-descriptions.csv",
        "train-annotations-object-segmentation.csv",
        "x.txt",
    )
    assert told(*others) == {}
    assert told(*others, splits=("test",)) == {"test-annotations-bbox.csv": "boxes"}


def test_of_several_the_boxable_one_is_taken() -> None:
    both = ("train-annotations-human-imagelabels.csv", "train-annotations-human-imagelabels-boxable.csv")
    assert list(told(*both)) == [both[1]]


def test_a_photo_is_known_by_its_name() -> None:
    _, photos = sort_out(
        [SourceFile(f"train/{name}", 1, "") for name in ("0000dd8e0cb25756.jpg", "..x.jpg")], ["train"]
    )
    assert [photo.image_id for photo in photos] == ["0000dd8e0cb25756", ""]
