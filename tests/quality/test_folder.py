"""`oi validate FOLDER`: each kind of defect, planted alone into the files of a clean release, is found alone."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oi_tasks.commands.validate import judge_folder, said
from oi_tasks.drawn.release import draw_release
from oi_tasks.errors import BadInput
from tests.quality.releases import (
    BOXES,
    DESCRIPTIONS,
    HIERARCHY,
    IMAGE_LABELS,
    LIST,
    append,
    change_tree,
    node,
    read,
    set_cells,
    write,
)

pytestmark = pytest.mark.slow

CAR, ANIMAL, FISH, TOMATO, CARROT = "/m/0k4j", "/m/0jbk", "/m/0ch_cf", "/m/07j87", "/m/0fj52s"
OI = str(Path(sys.executable).with_name("oi"))
Plant = Callable[[Path], Any]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release") / "clean"
    draw_release(folder, photos=12, seed=3, defects=False)
    return folder


@pytest.fixture
def folder(clean: Path, tmp_path: Path) -> Path:
    return shutil.copytree(clean, tmp_path / "copy")


def findings(folder: Path) -> dict[str, tuple[str, int]]:
    quality = judge_folder(folder, ["train"], "", None, quiet=True)
    return {one["code"]: (one["severity"], one["count"]) for one in said(quality)["findings"]}


def first_photo(folder: Path) -> Path:
    return min((folder / "train").iterdir())


def first_pair(folder: Path) -> list[str]:
    """A label that people said is in a photo."""
    return next(row for row in read(folder, IMAGE_LABELS)[1:] if row[3] == "1")


BASELINE = {"label_in_several_places": ("info", 2), "root_undescribed": ("info", 1)}
"""What the drawn hierarchy has of the published one: two labels in two places, and a root without a description."""


def test_a_clean_release_has_nothing_to_warn_of(clean: Path) -> None:
    assert findings(clean) == BASELINE


def box(**cells: Any) -> Plant:
    return lambda folder: set_cells(folder, BOXES, 3, **cells)


def label_row(folder: Path, *, confidence: str) -> None:
    image_id, source, label, _ = first_pair(folder)
    append(folder, IMAGE_LABELS, [image_id, source, label, confidence])


def listed(**cells: Any) -> Plant:
    return lambda folder: set_cells(folder, LIST, 1, **cells)


def name(folder: Path, row: int, mid: str = "", text: str = "") -> None:
    rows = read(folder, DESCRIPTIONS)
    rows[row] = [mid or rows[row][0], text or rows[row][1]]
    write(folder, DESCRIPTIONS, rows)


def below(parent: str, child: str, kind: str = "Subcategory") -> Plant:
    def plant(folder: Path) -> None:
        change_tree(folder, lambda tree: node(tree, parent).setdefault(kind, []).append({"LabelName": child}))

    return plant


def second_root(folder: Path) -> None:
    change_tree(folder, lambda tree: [tree, tree["Subcategory"].pop()])


def nameless_top(folder: Path) -> None:
    change_tree(folder, lambda tree: {"Subcategory": [tree, tree["Subcategory"].pop()]})


def lone_root(folder: Path) -> None:
    append(folder, DESCRIPTIONS, ["/m/0lone", "Lone"])
    change_tree(folder, lambda tree: [tree, {"LabelName": "/m/0lone"}])


def truncated(folder: Path) -> None:
    photo = first_photo(folder)
    photo.write_bytes(photo.read_bytes()[:-600])


DEFECTS: dict[str, tuple[Plant, str, str, int]] = {
    "unknown label of a box": (box(LabelName="/m/0zzzz0"), "label_unknown", "warning", 1),
    "unknown image label": (
        lambda folder: set_cells(folder, IMAGE_LABELS, 1, LabelName="/m/0zzzz0"),
        "label_unknown",
        "warning",
        1,
    ),
    "box of an absent photo": (box(ImageID="00000000000000ff"), "photo_absent", "warning", 1),
    "sides exchanged": (box(XMin=0.8, XMax=0.2), "box_without_width", "warning", 1),
    "no width": (box(XMin=0.5, XMax=0.5), "box_without_width", "warning", 1),
    "no height": (box(YMin=0.5, YMax=0.5), "box_without_height", "warning", 1),
    "beyond the photo": (box(XMax=1.2), "box_outside", "warning", 1),
    "before the photo": (box(YMin=-0.2), "box_outside", "warning", 1),
    "left side beyond the photo": (box(XMin=1.2, XMax=0.9), "box_outside", "warning", 1),
    "infinite": (box(XMax="inf"), "box_outside", "warning", 1),
    "not a number": (box(YMax="nan"), "box_incomplete", "warning", 1),
    "text for a number": (box(YMax="low"), "line_unreadable", "warning", 1),
    "nothing for a number": (box(YMax=""), "line_unreadable", "warning", 1),
    "a flag too large for its column": (box(IsGroupOf=300), "line_unreadable", "warning", 1),
    "box twice": (lambda folder: append(folder, BOXES, read(folder, BOXES)[3]), "row_repeated", "warning", 1),
    "image label twice": (
        lambda folder: append(folder, IMAGE_LABELS, first_pair(folder)),
        "row_repeated",
        "warning",
        1,
    ),
    "photo listed twice": (lambda folder: append(folder, LIST, read(folder, LIST)[1]), "row_repeated", "warning", 1),
    "flag of two": (box(IsTruncated=2), "flag_unknown", "warning", 1),
    "flag of minus two": (box(IsInside=-2), "flag_unknown", "warning", 1),
    "thinner than a pixel": (box(XMin=0.5, XMax=0.5001), "box_thin", "warning", 1),
    "lower than a pixel": (box(YMin=0.5, YMax=0.5001), "box_thin", "warning", 1),
    "cycle": (below(FISH, ANIMAL), "hierarchy_cycle", "critical", 1),
    "cycle through the root": (below(FISH, "/m/0bl9f"), "hierarchy_cycle", "critical", 1),
    "label below itself": (below(FISH, FISH), "hierarchy_cycle", "critical", 1),
    "two trees": (second_root, "hierarchy_roots", "critical", 2),
    "two trees below a node without a label": (nameless_top, "hierarchy_roots", "critical", 2),
    "a root alone": (lone_root, "hierarchy_roots", "critical", 2),
    "part and kind": (below(ANIMAL, FISH, "Part"), "edge_two_kinds", "warning", 1),
    "label in one more place": (below(TOMATO, CARROT), "label_in_several_places", "info", 3),
    "no description": (
        lambda folder: write(folder, DESCRIPTIONS, read(folder, DESCRIPTIONS)[:-1]),
        "label_undescribed",
        "warning",
        1,
    ),
    "blank name": (
        lambda folder: (folder / DESCRIPTIONS).write_text((folder / DESCRIPTIONS).read_text().replace("Fish", "")),
        "line_unreadable",
        "warning",
        1,
    ),
    "one name for two labels": (lambda folder: name(folder, 0, text="Fish"), "name_twice", "warning", 2),
    "description twice": (
        lambda folder: append(folder, DESCRIPTIONS, read(folder, DESCRIPTIONS)[0]),
        "description_repeated",
        "warning",
        1,
    ),
    "description that nothing uses": (
        lambda folder: append(folder, DESCRIPTIONS, ["/m/0zzzz0", "Nothing"]),
        "description_unused",
        "warning",
        1,
    ),
    "both there and not there": (lambda folder: label_row(folder, confidence="0"), "label_contradicted", "warning", 2),
    "confidence in percent": (
        lambda folder: set_cells(folder, IMAGE_LABELS, 1, Confidence=100),
        "confidence_outside",
        "warning",
        1,
    ),
    "confidence below nothing": (
        lambda folder: set_cells(folder, IMAGE_LABELS, 1, Confidence=-0.5),
        "confidence_outside",
        "warning",
        1,
    ),
    "confidence not a number": (
        lambda folder: set_cells(folder, IMAGE_LABELS, 1, Confidence="nan"),
        "confidence_outside",
        "warning",
        1,
    ),
    "confidence of a box": (box(Confidence=1.5), "box_confidence", "warning", 1),
    "id of a box": (box(ImageID="photo-1"), "image_id_form", "warning", 1),
    "id of an image label": (
        lambda folder: set_cells(folder, IMAGE_LABELS, 1, ImageID="ABCDEF0123456789"),
        "image_id_form",
        "warning",
        1,
    ),
    "id in the list": (
        lambda folder: append(folder, LIST, ["photo-1", "train", "1", "x"]),
        "image_id_form",
        "warning",
        1,
    ),
    "file of no photo's name": (
        lambda folder: (folder / "train" / "notes.txt").write_text("x"),
        "image_id_form",
        "warning",
        1,
    ),
    "not a photo": (lambda folder: first_photo(folder).write_bytes(b"<html>"), "photo_undecodable", "warning", 1),
    "cut off": (truncated, "photo_undecodable", "warning", 1),
    "empty file": (lambda folder: first_photo(folder).write_bytes(b""), "photo_empty", "warning", 1),
    "no file": (lambda folder: first_photo(folder).unlink(), "photo_missing", "warning", 1),
    "another size": (listed(OriginalSize=7), "photo_wrong_size", "warning", 1),
    "another MD5": (listed(OriginalMD5="KDMr90+ZtMJ0M6U8ebUsFg=="), "photo_wrong_md5", "warning", 1),
    "more bytes than listed": (
        lambda folder: first_photo(folder).write_bytes(first_photo(folder).read_bytes() + b"more"),
        "photo_wrong_size",
        "warning",
        1,
    ),
    "not listed": (lambda folder: write(folder, LIST, read(folder, LIST)[:-1]), "photo_unlisted", "warning", 1),
    "line of the list": (listed(OriginalSize="much"), "line_unreadable", "warning", 1),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_one_defect_is_found_alone(defect: str, folder: Path) -> None:
    plant, code, severity, count = DEFECTS[defect]
    plant(folder)
    assert findings(folder) == BASELINE | {code: (severity, count)}


def test_the_photo_of_a_missing_annotation_file_is_still_judged(folder: Path) -> None:
    (folder / IMAGE_LABELS).unlink()
    (folder / LIST).unlink()
    assert findings(folder) == BASELINE


def without(folder: Path, name: str) -> None:
    path = folder / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda folder: without(folder, ""), "no release folder"),
        (lambda folder: without(folder, "train"), "no photos of train"),
        (lambda folder: without(folder, DESCRIPTIONS), "no descriptions file"),
        (lambda folder: without(folder, HIERARCHY), "no hierarchy file"),
        (lambda folder: (without(folder, BOXES), without(folder, IMAGE_LABELS)), "neither boxes nor image labels"),
        (lambda folder: (folder / HIERARCHY).write_text("{"), "the hierarchy cannot be read"),
        (lambda folder: (folder / HIERARCHY).write_text('{"LabelName": 7}'), "the hierarchy cannot be read"),
        (lambda folder: (folder / HIERARCHY).write_bytes(b"\xff\xfe\x00"), "the hierarchy cannot be read"),
        (lambda folder: (folder / BOXES).write_text(""), "boxes file is empty"),
        (lambda folder: (folder / BOXES).write_text("ImageID,LabelName\n"), "lacks the column Source"),
    ],
)
def test_what_is_no_release_is_refused_in_one_line(folder: Path, spoil: Plant, what: str) -> None:
    spoil(folder)
    with pytest.raises(BadInput, match=what) as caught:
        judge_folder(folder, ["train"], "", None, quiet=True)
    assert "\n" not in str(caught.value)


def oi(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OI_")}
    return subprocess.run([OI, *words], capture_output=True, text=True, env=environment)


@pytest.mark.slow
def test_from_the_command_line(folder: Path) -> None:
    box(XMax="inf")(folder)
    told = oi("validate", str(folder), "--json")
    assert told.returncode == 0, told.stderr
    document = json.loads(told.stdout)
    assert set(document) == {"verdict", "findings"}
    assert document["verdict"] == "pass"
    assert [set(one) for one in document["findings"]] == [{"code", "severity", "count", "examples"}] * 3
    assert document["findings"][0]["examples"][0]["XMax"] == "inf"
    below(FISH, ANIMAL)(folder)
    shown = oi("validate", str(folder))
    assert shown.returncode == 1
    assert shown.stdout.startswith("Refused. The data may not go on:")
    assert "hierarchy_cycle" in shown.stdout
    refused = oi("validate", str(folder / "nowhere"))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("oi: there is no release folder")
    assert refused.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_step_is_still_there() -> None:
    schema = oi("validate", "--schema")
    assert "max_quarantined" in json.loads(schema.stdout)["properties"]
    assert oi("validate", "--set", "snapshot=none").returncode == 2
    assert "needs a folder" in oi("validate", "--json").stderr


def test_thresholds_of_a_profile(folder: Path) -> None:
    first_photo(folder).write_bytes(b"")
    strict = judge_folder(folder, ["train"], "", None, quiet=True)
    assert strict["verdict"] == "pass"
    by_profile = judge_folder(folder, ["train"], "demo", None, quiet=True)
    assert [reason["code"] for reason in by_profile["reasons"]] == ["too_much_set_apart"]
    assert by_profile["verdict"] == "fail"


@pytest.mark.slow
def test_the_real_photos(real_photos: Path) -> None:
    """One airplane's box has no height; the root is the one label without a description."""
    assert findings(real_photos) == {
        "box_without_height": ("warning", 1),
        "label_in_several_places": ("info", 190),
        "root_undescribed": ("info", 1),
    }
