"""The drawn release: its form, its boxes, its variety, and the defects planted in it."""

import base64
import collections
import csv
import hashlib
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from oi_tasks.drawn import PLANTED_DEFECTS, draw_release
from oi_tasks.drawn.__main__ import main
from oi_tasks.drawn.defects import BOXES, IMAGE_LABELS, PHOTOS, UNKNOWN_LABEL
from oi_tasks.drawn.hierarchy import MIDS, NAMES, UNDESCRIBED, related
from oi_tasks.drawn.kinds import KINDS, RARE, TOTAL_WEIGHT, main_kind
from oi_tasks.drawn.paint import put
from oi_tasks.drawn.release import DESCRIPTIONS, HIERARCHY
from oi_tasks.drawn.scenes import Box, Scene, compose
from oi_tasks.errors import BadInput

SEED = 3
DRAWN = 60
Table = list[list[str]]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "release"
    draw_release(folder, DRAWN, SEED)
    return folder


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "clean"
    draw_release(folder, DRAWN, SEED, defects=False)
    return folder


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [compose(SEED, str(i), main_kind(i, SEED)) for i in range(160)]


def rows(folder: Path, name: str) -> Table:
    """A table without its header."""
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def test_headers_are_those_of_open_images(release: Path) -> None:
    first = {name: (release / name).read_text().split("\n", 1)[0] for name in (BOXES, IMAGE_LABELS, PHOTOS)}
    assert first[BOXES] == (
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
    )
    assert first[IMAGE_LABELS] == "ImageID,Source,LabelName,Confidence"
    assert first[PHOTOS] == "ImageID,Subset,OriginalSize,OriginalMD5"
    assert "\r" not in "".join((release / name).read_text() for name in first)


def test_photos_are_the_listed_bytes(clean: Path) -> None:
    listed = rows(clean, PHOTOS)
    assert len(listed) == DRAWN
    assert {f"{row[0]}.jpg" for row in listed} == {path.name for path in (clean / "train").iterdir()}
    for ident, subset, size, md5 in listed:
        assert re.fullmatch(r"[0-9a-f]{16}", ident) and subset == "train"
        data = (clean / "train" / f"{ident}.jpg").read_bytes()
        assert (len(data), hashlib.md5(data).digest()) == (int(size), base64.b64decode(md5))


def test_each_aspect_has_its_share(clean: Path) -> None:
    counts = collections.Counter[int]()
    for path in (clean / "train").iterdir():
        with Image.open(path) as photo:
            assert photo.mode == "RGB"
            aspect = math.log2(photo.width / photo.height)
        assert min(abs(aspect - centre) for centre in (-1, 0, 1)) < 0.35
        counts[round(aspect)] += 1
    assert all(counts[centre] >= 5 for centre in (-1, 0, 1))


def test_hierarchy_and_descriptions(release: Path) -> None:
    tree = json.loads((release / HIERARCHY).read_text())
    assert tree["LabelName"] == "/m/0bl9f"
    places = collections.Counter[str]()
    parts = []

    def walk(node: dict[str, Any]) -> None:
        assert node.keys() <= {"LabelName", "Subcategory", "Part"}
        for kind in ("Subcategory", "Part"):
            for child in node.get(kind, []):
                if kind == "Part":
                    parts.append((NAMES[node["LabelName"]], NAMES[child["LabelName"]]))
                else:
                    places[NAMES[child["LabelName"]]] += 1
                walk(child)

    walk(tree)
    assert parts == [("Car", "Wheel")]
    assert set(places) == set(NAMES.values())
    assert [name for name, times in places.items() if times > 1] == ["Tomato"]
    with (release / DESCRIPTIONS).open(newline="") as file:
        described = dict(csv.reader(file))
    assert described == {mid: name for mid, name in NAMES.items() if name != "Watercraft"}
    published = {"Car": "/m/0k4j", "Fish": "/m/0ch_cf", "Bird": "/m/015p6", "Apple": "/m/014j1m", "Wheel": "/m/083wq"}
    assert published.items() <= MIDS.items()


def test_true_rows_are_faultless(clean: Path) -> None:
    listed = {row[0] for row in rows(clean, PHOTOS)}
    boxes, labels = rows(clean, BOXES), rows(clean, IMAGE_LABELS)
    assert [row[0] for row in boxes] == sorted(row[0] for row in boxes)
    for row in boxes:
        x_min, x_max, y_min, y_max = map(float, row[4:8])
        assert 0 <= x_min < x_max <= 1 and 0 <= y_min < y_max <= 1
        assert row[0] in listed and row[2] in NAMES and row[3] == "1" and row[1] in ("xclick", "activemil")
        assert set(row[8:]) <= {"0", "1"} or set(row[8:]) == {"-1"}
    assert len({tuple(row) for row in boxes}) == len(boxes)
    present = {(row[0], row[2]) for row in labels if row[3] == "1"}
    absent = {(row[0], row[2]) for row in labels if row[3] == "0"}
    assert present == {(row[0], row[2]) for row in boxes}
    assert len(present) + len(absent) == len(labels) and {ident for ident, _ in present} == listed
    assert max(collections.Counter(ident for ident, _ in absent).values()) <= 3
    known = collections.defaultdict(list)
    for ident, label in present:
        known[ident].append(NAMES[label])
    assert not any(related(NAMES[label], name) for ident, label in absent for name in known[ident])


def silhouette(scene: Scene, index: int) -> np.ndarray:
    """Thing `index` in white behind and before the others in black, as a mask of what can be seen of it."""
    canvas = np.zeros_like(scene.ground)
    for i, thing in enumerate(scene.things):
        patch = thing.patch
        flat = np.full_like(patch.pixels, 255 if i == index else 0)
        put(canvas, type(patch)(flat, patch.cover, (), patch.left, patch.top))
    return np.asarray(canvas[:, :, 0] > 127)


def sides(box: Box, scene: Scene) -> np.ndarray:
    """The box in pixels: left, right, top, bottom."""
    height, width = scene.ground.shape[:2]
    return np.array([box.x_min * width, box.x_max * width, box.y_min * height, box.y_max * height])


def test_boxes_are_tight_around_what_can_be_seen(scenes: list[Scene]) -> None:
    off = []
    for scene in scenes:
        boxes = [box for box in scene.boxes if box.name != "Wheel"]
        indices = [i for i, thing in enumerate(scene.things) if thing.name]
        assert len(boxes) == len(indices)
        for box, index in zip(boxes, indices, strict=True):
            mask = silhouette(scene, index)
            columns, lines = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
            extent = np.array([columns[0], columns[-1] + 1, lines[0], lines[-1] + 1])
            off.append(np.abs(extent - sides(box, scene)).max())
    assert max(off) <= 2 and np.mean(np.array(off) < 0.01) > 0.95


def test_occluded_and_truncated_say_what_is_hidden_and_cut(scenes: list[Scene]) -> None:
    checked = 0
    for scene in scenes:
        for box, index in zip(scene.boxes, [i for i, thing in enumerate(scene.things) if thing.name], strict=False):
            if box.occluded < 0:
                continue
            alone = silhouette(replace(scene, things=(scene.things[index],)), 0).sum()
            seen, whole = silhouette(scene, index).sum(), (scene.things[index].patch.cover >= 0.5).sum()
            if not 0.94 < seen / alone < 0.995:
                assert box.occluded == (seen < 0.97 * alone)
            if not 0.97 < alone / whole < 0.999:
                assert box.truncated == (alone < whole)
            checked += 1
    assert checked > 200


def test_wheels_are_boxed_on_their_vehicle(scenes: list[Scene]) -> None:
    with_wheels = [scene for scene in scenes if "Wheel" in scene.present]
    assert with_wheels
    for scene in with_wheels:
        vehicles = [box for box in scene.boxes if box.name in ("Car", "Bus", "Vehicle")]
        for wheel in (box for box in scene.boxes if box.name == "Wheel"):
            assert any(
                v.x_min - 0.01 <= wheel.x_min and wheel.x_max <= v.x_max + 0.01 and wheel.y_max <= v.y_max + 0.01
                for v in vehicles
            )


def test_photos_are_varied(scenes: list[Scene]) -> None:
    boxes = [box for scene in scenes for box in scene.boxes]

    def share(flag: str) -> float:
        return [getattr(box, flag) for box in boxes].count(1) / len(boxes)

    assert 0.1 < share("occluded") < 0.5
    assert all(0.005 < share(flag) < 0.3 for flag in ("truncated", "group", "depiction"))
    assert any(box.occluded == -1 for box in boxes)
    assert {scene.source for scene in scenes} == {"xclick", "activemil"}
    counts = collections.Counter(len(scene.boxes) for scene in scenes)
    assert counts[1] > 20 and sum(counts[n] for n in (2, 3, 4)) > 40
    names = {box.name for box in boxes}
    assert {kind.name for kind in KINDS} <= names
    assert {"Vehicle", "Animal", "Fruit"} & names


def test_label_without_description_has_boxes() -> None:
    boats = [i for i in range(600) if main_kind(i, 0).name == "Boat"]
    found = [i for i in boats if "Watercraft" in compose(0, str(i), main_kind(i, 0)).present]
    assert NAMES[UNDESCRIBED] == "Watercraft" and found


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_kinds_have_their_shares(seed: int) -> None:
    counts = collections.Counter(main_kind(i, seed).name for i in range(600))
    for kind in KINDS:
        assert abs(counts[kind.name] - 600 * kind.weight / TOTAL_WEIGHT) < 3
    assert all(15 <= counts[name] <= 20 for name in RARE)
    assert max(counts.values()) > 5 * min(counts.values())


def test_same_seed_same_bytes(tmp_path: Path, clean: Path) -> None:
    def contents(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    for name, seed in (("one", SEED), ("two", SEED), ("other", SEED + 1)):
        draw_release(tmp_path / name, 12, seed)
    one = contents(tmp_path / "one")
    assert one == contents(tmp_path / "two")
    assert not {name for name in contents(tmp_path / "other") if name.startswith("train/")} & one.keys()
    longer = contents(clean)
    shared = [name for name in one if name in longer and name.startswith("train/")]
    assert len(shared) == 12 and all(one[name] == longer[name] for name in shared)


def classified(row: list[str]) -> str:
    """The planted defect that a row of boxes shows, told by the row alone."""
    if len(row) != 13:
        return "box_columns_missing"
    try:
        x_min, x_max = float(row[4]), float(row[5])
    except ValueError:
        return "box_not_a_number"
    if row[2] == UNKNOWN_LABEL:
        return "box_unknown_label"
    if x_max > 1:
        return "box_outside"
    if x_min == x_max:
        return "box_flat"
    return "box_flipped" if x_min > x_max else "box_duplicate"


def beside(release: Path, clean: Path, name: str) -> Table:
    """Rows of a table that the faultless release does not have."""
    extra = collections.Counter(map(tuple, rows(release, name))) - collections.Counter(map(tuple, rows(clean, name)))
    assert not collections.Counter(map(tuple, rows(clean, name))) - collections.Counter(map(tuple, rows(release, name)))
    return [list(row) for row in extra.elements()]


def test_planted_defects_are_those_of_the_table(release: Path, clean: Path) -> None:
    found = collections.Counter[str]()
    bad_photos = {row[0]: row for row in beside(release, clean, PHOTOS)}
    for ident, row in bad_photos.items():
        path = release / "train" / f"{ident}.jpg"
        if not path.exists():
            found["photo_missing"] += 1
            continue
        data = path.read_bytes()
        assert (len(data), hashlib.md5(data).digest()) == (int(row[2]), base64.b64decode(row[3]))
        found["photo_truncated" if data.startswith(b"\xff\xd8") else "photo_not_an_image"] += 1
        with pytest.raises(OSError), Image.open(path) as photo:
            photo.load()
    extra = beside(release, clean, BOXES)
    found.update(classified(row) for row in extra if row[0] not in bad_photos)
    assert sorted(row[0] for row in extra if row[0] in bad_photos) == sorted(bad_photos)
    labels = beside(release, clean, IMAGE_LABELS)
    found["label_without_photo"] += sum(row[0] not in bad_photos for row in labels)
    assert sorted(row[0] for row in labels if row[0] in bad_photos) == sorted(bad_photos)
    assert dict(found) == {code: planted.count for code, planted in PLANTED_DEFECTS.items()}


def test_planted_defects_are_few(release: Path, clean: Path) -> None:
    planted = sum(len(beside(release, clean, name)) for name in (BOXES, IMAGE_LABELS, PHOTOS))
    true = sum(len(rows(clean, name)) for name in (BOXES, IMAGE_LABELS, PHOTOS))
    assert planted / (true * 600 / DRAWN) < 0.01


def test_progress_counts_good_photos(tmp_path: Path) -> None:
    steps: list[int] = []
    draw_release(tmp_path / "new", 10, progress=steps.append)
    assert steps == [1] * 10


def test_refuses_a_folder_that_is_not_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    assert main([str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "not empty" in error
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(BadInput, match="too few"):
        draw_release(tmp_path / "new", 9)


def test_command_writes_a_release(tmp_path: Path) -> None:
    assert main([str(tmp_path / "new"), "--photos", "10", "--seed", "5", "--clean"]) == 0
    assert len(list((tmp_path / "new" / "train").iterdir())) == 10
