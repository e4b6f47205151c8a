"""One's own photos, a folder for each class, as a release: the form that `oi_ingest` reads.

Names, tables and the hierarchy are those that Open Images publishes; labels get MIDs of their own, below `/o/`, which
Open Images does not use.
"""

import base64
import csv
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from oi_tasks.errors import BadInput

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
JPEG_QUALITY = 92
ROOT = "/o/entity"
BOX_COLUMNS = ("file", "class", "x_min", "x_max", "y_min", "y_max")
PUBLISHED_BOXES = ("ImageID", "Source", "LabelName", "Confidence", "XMin", "XMax", "YMin", "YMax")
FLAGS = ("IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside")
UNKNOWN = "-1"
TABLES = {
    "train-annotations-human-imagelabels-boxable.csv": ("ImageID", "Source", "LabelName", "Confidence"),
    "train-annotations-bbox.csv": PUBLISHED_BOXES + FLAGS,
    "train-images-boxable.csv": ("ImageID", "Subset", "OriginalSize", "OriginalMD5"),
}
LABELS, BOXES, IMAGES = TABLES


@dataclass
class Made:
    """What became of the photos."""

    photos: int = 0
    boxes: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    """Photos by the name of their class."""
    left_out: list[str] = field(default_factory=list)
    """Files that are no photos, each with its reason."""


def make_release(photos: Path, to: Path, boxes: Path | None, progress: Callable[[int], None] | None = None) -> Made:
    """Write the photos below `photos`, a folder for each class, as a release into `to`, which must not exist yet.

    A photo that stands in two folders is one photo with two labels. What is not JPEG is written as JPEG, turned as its
    camera said. `boxes`: a CSV with the columns file, class, x_min, x_max, y_min, y_max, the sides as shares of the
    photo's width and height. It is written aside and appears whole. Raises BadInput naming what cannot be used.
    """
    mids = _mids(photos)
    if to.exists():
        raise BadInput("the release's folder is there already", str(to), "name a new one", "folder_not_empty")
    made, aside = Made(), to.with_name(to.name + ".part")
    shutil.rmtree(aside, ignore_errors=True)
    (aside / "train").mkdir(parents=True)
    try:
        rows = _rows(photos, aside / "train", mids, made, progress)
        rows[BOXES] = _boxes(boxes, photos, rows, mids) if boxes else []
        made.boxes = len(rows[BOXES])
        for name, columns in TABLES.items():
            _write(aside / name, [columns, *sorted(set(rows[name]))])
        _write(aside / "class-descriptions-boxable.csv", sorted((mid, name) for name, mid in mids.items()))
        leaves = [{"LabelName": mid} for mid in sorted(mids.values())]
        (aside / "bbox_labels_600_hierarchy.json").write_text(json.dumps({"LabelName": ROOT, "Subcategory": leaves}))
        if not made.photos:
            raise BadInput("none of the files is a photo", str(photos), f"the first: {made.left_out[0]}", "no_photos")
        aside.rename(to)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return made


def _mids(photos: Path) -> dict[str, str]:
    """A MID for each class, by the class's name: the folder's."""
    if not photos.is_dir():
        raise BadInput(
            "there is no such folder",
            str(photos),
            "name the folder that holds a folder for each class",
            code="no_folder",
        )
    names = sorted(path.name for path in photos.iterdir() if path.is_dir() and not path.name.startswith("."))
    mids = {name: "/o/" + re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_") for name in names}
    if len(names) < 2:
        fix = "put the photos of each class into a folder with the class's name"
        raise BadInput(
            f"{len(names) or 'no'} folders of classes, and two are the fewest", str(photos), fix, code="no_data"
        )
    for name, mid in mids.items():
        same = [other for other in names if mids[other] == mid and other != name]
        if same or mid == "/o/":
            fix = "rename the folder: letters a to z and digits must tell it apart"
            raise BadInput(
                f"the class {name!r} has the same short name as {same or 'nothing'}", str(photos), fix, code="bad_name"
            )
    return mids


def _rows(
    photos: Path, to: Path, mids: dict[str, str], made: Made, progress: Callable[[int], None] | None
) -> dict[str, list[tuple[str, ...]]]:
    """Write every photo once, by its content; the rows of labels and of images."""
    labels: list[tuple[str, ...]] = []
    images: list[tuple[str, ...]] = []
    seen: set[str] = set()
    labelled: set[tuple[str, ...]] = set()
    for name, mid in mids.items():
        for path in _files(photos / name):
            try:
                data = _jpeg(path)
            except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
                made.left_out.append(f"{path.relative_to(photos)}: {' '.join(str(error).split())[:100]}")
                continue
            image = hashlib.sha256(data).hexdigest()[:16]
            if image not in seen:
                (to / f"{image}.jpg").write_bytes(data)
                md5 = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
                images.append((image, "train", str(len(data)), md5))
                made.photos += 1
            seen.add(image)
            row = (image, "verification", mid, "1")
            if row not in labelled:  # a copy of a photo is the same photo
                labels.append(row)
                made.classes[name] = made.classes.get(name, 0) + 1
            labelled.add(row)
            if progress:
                progress(1)
    return {LABELS: labels, IMAGES: images}


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in ENDINGS and path.is_file())


def _jpeg(path: Path) -> bytes:
    """The photo as JPEG: its own bytes where it is one that needs no turning."""
    data = path.read_bytes()
    with Image.open(BytesIO(data)) as photo:
        photo.load()
        turned = photo.getexif().get(0x0112, 1) != 1
        if photo.format == "JPEG" and photo.mode == "RGB" and not turned:
            return data
        made = BytesIO()
        ImageOps.exif_transpose(photo).convert("RGB").save(made, "JPEG", quality=JPEG_QUALITY)
        return made.getvalue()


def _boxes(
    boxes: Path, photos: Path, rows: dict[str, list[tuple[str, ...]]], mids: dict[str, str]
) -> list[tuple[str, ...]]:
    """The rows of boxes. Raises BadInput naming the line that cannot be used."""
    known = {row[0] for row in rows[IMAGES]}
    found: list[tuple[str, ...]] = []
    try:
        text = boxes.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the boxes cannot be read: {error}", str(boxes), code="bad_file") from None
    reader = csv.DictReader(text)
    if missing := [name for name in BOX_COLUMNS if name not in (reader.fieldnames or [])]:
        raise BadInput(
            f"the boxes have no column {', '.join(missing)}",
            str(boxes),
            f"it has {reader.fieldnames}",
            code="missing_column",
        )
    for line, row in enumerate(reader, start=2):
        where = f"{boxes}, line {line}"
        path = photos / (row["file"] or "")
        if not path.is_file():
            raise BadInput(
                f"there is no photo {row['file']!r}", where, "write it as class folder/file", code="bad_line"
            )
        image = hashlib.sha256(_jpeg(path)).hexdigest()[:16]
        if row["class"] not in mids or image not in known:
            raise BadInput(
                f"there is no class {row['class']!r} with photos",
                where,
                f"there are {', '.join(mids)}",
                code="bad_line",
            )
        sides = tuple(_side(row[name], name, where) for name in BOX_COLUMNS[2:])
        if sides[0] >= sides[1] or sides[2] >= sides[3]:
            raise BadInput("the box has no area: its min must be under its max", where, code="bad_line")
        found.append((image, "activemil", mids[row["class"]], "1", *map(str, sides), *[UNKNOWN] * len(FLAGS)))
    return found


def _side(text: str | None, name: str, where: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise BadInput(f"{name} is {text!r}, and must be a share from 0 to 1", where, code="bad_line")
    return value


def _write(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
