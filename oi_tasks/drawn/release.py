"""Writes the drawn photos and their tables in the form in which Open Images publishes a release."""

import base64
import csv
import hashlib
import io
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from oi_tasks.drawn.defects import BOXES, IMAGE_LABELS, PHOTOS, PLANTED_DEFECTS, Row, spoiled_photo, with_bad_boxes
from oi_tasks.drawn.hierarchy import MIDS, NAMES, UNDESCRIBED, hierarchy
from oi_tasks.drawn.kinds import KIND_OF, main_kind
from oi_tasks.drawn.scenes import Scene, compose, photo_id
from oi_tasks.errors import BadInput

DESCRIPTIONS = "class-descriptions-boxable.csv"
HIERARCHY = "bbox_labels_600_hierarchy.json"
COLUMNS: dict[str, tuple[str, ...]] = {
    BOXES: (
        "ImageID",
        "Source",
        "LabelName",
        "Confidence",
        "XMin",
        "XMax",
        "YMin",
        "YMax",
        "IsOccluded",
        "IsTruncated",
        "IsGroupOf",
        "IsDepiction",
        "IsInside",
    ),
    IMAGE_LABELS: ("ImageID", "Source", "LabelName", "Confidence"),
    PHOTOS: ("ImageID", "Subset", "OriginalSize", "OriginalMD5"),
}
JPEG_QUALITY = 88
FEWEST_PHOTOS = 10
"""Enough true boxes to plant each defect beside one of its own."""


@dataclass(frozen=True)
class _Photo:
    """One photo as published: its bytes (None: the file is missing) and its rows of each table."""

    id: str
    file: bytes | None
    rows: dict[str, list[Row]]


def draw_release(
    folder: Path, photos: int = 600, seed: int = 0, progress: Callable[[int], None] | None = None, defects: bool = True
) -> None:
    """Write a release of `photos` good photos into `folder`, which must be empty or not exist yet.

    The same seed gives the same bytes, and photo i is the same however many follow it. `progress(1)` is called
    after each good photo. `defects=False` leaves out what `PLANTED_DEFECTS` lists, and describes every label but the
    root. The tables are written last: a folder without them was interrupted. About 10 ms a photo on one core (600:
    6.3 s).
    Raises BadInput if the folder holds anything, or for fewer than `FEWEST_PHOTOS`.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput("the folder is not empty", where=str(folder), fix="name a new one", code="folder_not_empty")
    if photos < FEWEST_PHOTOS:
        raise BadInput(f"{photos} photos are too few", fix=f"ask for at least {FEWEST_PHOTOS}", code="usage")
    (folder / "train").mkdir(parents=True)
    tables: dict[str, list[Row]] = {name: [] for name in COLUMNS}
    for i, photo in enumerate(_photos(photos, seed, defects)):
        if photo.file is not None:
            (folder / "train" / f"{photo.id}.jpg").write_bytes(photo.file)
        for name, rows in photo.rows.items():
            tables[name] += rows
        if progress and i < photos:
            progress(1)
    for rows in tables.values():
        rows.sort(key=lambda row: row[0])
    if defects:
        tables[BOXES] = with_bad_boxes(random.Random(f"defects {seed}"), tables[BOXES])
        tables[IMAGE_LABELS].append([photo_id(seed, "label_without_photo"), "verification", MIDS["Car"], "1"])
        tables[IMAGE_LABELS].sort(key=lambda row: row[0])
    for name, rows in tables.items():
        _write_csv(folder / name, [list(COLUMNS[name]), *rows])
    left_out = {UNDESCRIBED} if defects else set()
    _write_csv(folder / DESCRIPTIONS, sorted([mid, name] for mid, name in NAMES.items() if mid not in left_out))
    (folder / HIERARCHY).write_text(json.dumps(hierarchy(), indent=4), encoding="utf-8")


def _photos(photos: int, seed: int, defects: bool) -> Iterator[_Photo]:
    for i in range(photos):
        yield _published(photo_id(seed, str(i)), compose(seed, str(i), main_kind(i, seed)))
    if defects:
        for code in (code for code, planted in PLANTED_DEFECTS.items() if planted.file == PHOTOS):
            yield _spoiled(code, _published(photo_id(seed, code), compose(seed, code, KIND_OF["Car"])))


def _published(ident: str, scene: Scene) -> _Photo:
    stream = io.BytesIO()
    scene.photo().save(stream, "JPEG", quality=JPEG_QUALITY)
    boxes = [
        [
            ident,
            scene.source,
            MIDS[box.name],
            "1",
            *(f"{side:.6f}" for side in (box.x_min, box.x_max, box.y_min, box.y_max)),
            *(str(flag) for flag in (box.occluded, box.truncated, box.group, box.depiction, box.inside)),
        ]
        for box in scene.boxes
    ]
    labels = [
        [ident, "verification", MIDS[name], confidence]
        for names, confidence in ((scene.present, "1"), (scene.absent, "0"))
        for name in names
    ]
    return _Photo(
        ident, stream.getvalue(), {BOXES: boxes, IMAGE_LABELS: labels, PHOTOS: [_listed(ident, stream.getvalue())]}
    )


def _spoiled(code: str, photo: _Photo) -> _Photo:
    """The photo with the planted mistake, and one row of each table that names it."""
    good = photo.file or b""
    file = spoiled_photo(code, good)
    box = photo.rows[BOXES][0]
    label = [photo.id, "verification", box[2], "1"]
    rows = {BOXES: [box], IMAGE_LABELS: [label], PHOTOS: [_listed(photo.id, good if file is None else file)]}
    return replace(photo, file=file, rows=rows)


def _listed(ident: str, file: bytes) -> Row:
    digest = base64.b64encode(hashlib.md5(file, usedforsecurity=False).digest()).decode()
    return [ident, "train", str(len(file)), digest]


def _write_csv(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
