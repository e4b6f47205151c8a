"""One's own photos, a folder for each class, as a release: the form that `oi_ingest` reads.

Names, tables and the hierarchy are those that Open Images publishes; labels get MIDs of their own, below `/o/`, which
Open Images does not use.
"""

import base64
import csv
import hashlib
import json
import os
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from oi_tasks.errors import BadInput, breaks_line
from oi_tasks.io.disk import told_when_unwritable
from oi_tasks.io.own_boxes import read_boxes, same_name
from oi_tasks.io.photo_check import LARGEST_FILE, check_photo
from oi_tasks.io.rgb import as_rgb

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
JPEG_QUALITY = 92
ROOT = "/o/entity"
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


class _NoPhoto(Exception):
    """A file is no photo that can be used, for this reason."""


def make_release(
    photos: Path,
    to: Path,
    boxes: Path | None,
    progress: Callable[[int], None] | None = None,
    beside: Mapping[str, str] = {},
) -> Made:
    """Write the photos below `photos`, a folder for each class, as a release into `to`, which must not exist yet.

    A photo that stands in two folders is one photo with two labels. What is not JPEG is written as JPEG, turned as its
    camera said. `boxes`: a CSV with the columns file, class, x_min, x_max, y_min, y_max, the sides as shares of the
    photo's width and height. `beside`: texts to write into the release's folder, by name. It is written aside and
    appears whole. Raises BadInput naming what cannot be used, OiError for a full disk.
    """
    mids = _mids(photos)
    if os.path.lexists(to):
        raise BadInput("the release's folder is there already", str(to), "name a new one", "folder_not_empty")
    if photos.resolve() in to.resolve().parents:
        fix = "name one outside of it: a folder in there is a class"
        raise BadInput("the release's folder would stand among the photos", str(to), fix, "usage")
    aside = to.with_name(f"{to.name}.{os.getpid()}.part")
    try:
        with told_when_unwritable("the release cannot be written", to, to.parent):
            (aside / "train").mkdir(parents=True)
            made = _write_release(photos, aside, boxes, mids, progress)
            for name, text in beside.items():
                (aside / name).write_text(text, encoding="utf-8")
            aside.rename(to)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return made


def _write_release(
    photos: Path, to: Path, boxes: Path | None, mids: Mapping[str, str], progress: Callable[[int], None] | None
) -> Made:
    made = Made(left_out=_strays(photos))
    files, rows = _rows(photos, to / "train", mids, made, progress)
    if not made.photos:
        first = f"the first: {made.left_out[0]}" if made.left_out else "the folders of classes are empty"
        raise BadInput("none of the files is a photo", str(photos), first, "no_photos")
    filled = {same_name(name): mid for name, mid in mids.items() if name in made.classes}
    made.left_out += [f"the class {name}: it has no photo" for name in mids if name not in made.classes]
    if len(filled) < 2:
        fix = "put photos of a second class into a folder with its name"
        raise BadInput(f"only the class {next(iter(filled))} has photos", str(photos), fix, "no_data")
    if boxes:
        found, without = read_boxes(boxes, *files, filled)
        made.left_out += without
        rows[BOXES] = [
            (box.image, "activemil", filled[box.name], "1", *map(str, box.sides), *[UNKNOWN] * len(FLAGS))
            for box in found
        ]
    for name, columns in TABLES.items():
        _write(to / name, [columns, *sorted(set(rows[name]))])
    made.boxes = len(set(rows[BOXES]))
    _write(to / "class-descriptions-boxable.csv", sorted((mid, name) for name, mid in filled.items()))
    leaves = [{"LabelName": mid} for mid in sorted(filled.values())]
    (to / "bbox_labels_600_hierarchy.json").write_text(json.dumps({"LabelName": ROOT, "Subcategory": leaves}))
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
    try:
        names = sorted(path.name for path in photos.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise BadInput(f"the folder cannot be read: {error.strerror}", str(photos), code="no_folder") from None
    if odd := [name for name in names if breaks_line(name)]:
        fix = "rename the folder: it may have no line's end or other control character, and must be UTF-8"
        raise BadInput(f"the class {odd[0]!r} cannot be a name", str(photos), fix, "bad_name")
    mids = {name: _mid(name) for name in names}
    if len(names) < 2:
        fix = "put the photos of each class into a folder with the class's name"
        raise BadInput(
            f"{len(names) or 'no'} folders of classes, and two are the fewest", str(photos), fix, code="no_data"
        )
    for name, mid in mids.items():
        same = [other for other in names if mids[other] == mid and other != name]
        if same or mid == "/o/":
            fix = "rename the folder: letters and digits must tell it apart"
            raise BadInput(
                f"the class {name!r} has the same short name as {same or 'nothing'}", str(photos), fix, code="bad_name"
            )
    return mids


def _mid(name: str) -> str:
    """The MID of a class: its letters a to z and digits; where other letters tell it apart, a few of their hash."""
    plain = "".join(
        letter for letter in unicodedata.normalize("NFKD", name.lower()) if not unicodedata.combining(letter)
    )
    short = re.sub(r"[^0-9a-z]+", "_", plain).strip("_")
    if any(letter.isalnum() and not letter.isascii() for letter in plain) or not (short or plain.isascii()):
        spelt = hashlib.sha256(same_name(name.lower()).encode()).hexdigest()[:8]
        short = f"{short}_{spelt}".strip("_")
    return "/o/" + short


def _strays(photos: Path) -> list[str]:
    """Photos that stand in no folder of a class."""
    files = sorted(path for path in photos.iterdir() if path.suffix.lower() in ENDINGS and path.is_file())
    return [f"{path.name}: it stands in no folder of a class" for path in files]


Files = tuple[dict[str, str], dict[str, str]]


def _rows(
    photos: Path, to: Path, mids: Mapping[str, str], made: Made, progress: Callable[[int], None] | None
) -> tuple[Files, dict[str, list[tuple[str, ...]]]]:
    """Write every photo once, by its content. The ids of photos and why others are none, by file; and the rows."""
    rows: dict[str, list[tuple[str, ...]]] = {name: [] for name in TABLES}
    ids: dict[str, str] = {}
    none: dict[str, str] = {}
    seen: dict[str, set[str]] = {}
    for name, mid in mids.items():
        for path in _files(photos / name):
            file = same_name(path.relative_to(photos).as_posix())
            try:
                data = _photo(path)
            except _NoPhoto as error:
                none[file] = str(error)
                made.left_out.append(f"{path.relative_to(photos)}: {error}")
                continue
            finally:
                if progress:
                    progress(1)
            image = ids[file] = hashlib.sha256(data).hexdigest()[:16]
            if image not in seen:
                (to / f"{image}.jpg").write_bytes(data)
                md5 = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
                rows[IMAGES].append((image, "train", str(len(data)), md5))
                made.photos += 1
            if name not in seen.setdefault(image, set()):
                rows[LABELS].append((image, "verification", mid, "1"))
                made.classes[name] = made.classes.get(name, 0) + 1
            seen[image].add(name)
    return (ids, none), rows


def _files(folder: Path) -> Iterator[Path]:
    """All below a folder that may be meant as a photo: no folders, and of hidden files only those named as photos."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        if not path.name.startswith(".") or path.suffix.lower() in ENDINGS:
            yield path


def _photo(path: Path) -> bytes:
    """A file as JPEG. Raises _NoPhoto."""
    if path.name.startswith("."):
        raise _NoPhoto("a hidden file")
    if not path.is_file():
        raise _NoPhoto("a link to a folder, or to nothing" if path.is_symlink() else "no file")
    if path.suffix.lower() not in ENDINGS:
        raise _NoPhoto(f"photos end in {', '.join(ENDINGS)}; convert it to JPEG if it is one")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _NoPhoto(error.strerror) from None
    if reason := check_photo(data, None, None)["reason"]:
        raise _NoPhoto(reason.replace("_", " "))
    made = _jpeg(data)
    if len(made) > LARGEST_FILE:
        raise _NoPhoto("too many bytes")
    return made


def _jpeg(data: bytes) -> bytes:
    """The photo as JPEG: its own bytes where it is one that needs no turning. Raises _NoPhoto."""
    with Image.open(BytesIO(data)) as photo:
        turned = _is_turned(photo)
        if photo.format == "JPEG" and photo.mode == "RGB" and not turned:
            return data
        if photo.mode == "F":
            raise _NoPhoto("its numbers have fractions, so nothing says which is white; convert it to JPEG")
        made = BytesIO()
        try:
            as_rgb(ImageOps.exif_transpose(photo) if turned else photo).save(made, "JPEG", quality=JPEG_QUALITY)
        except Exception:  # decoders raise whatever damaged data leads them to
            raise _NoPhoto("undecodable") from None
        return made.getvalue()


def _is_turned(photo: Image.Image) -> bool:
    """Whether the camera says that the photo is to be turned. What it says may be damaged, and the photo well."""
    try:
        return bool(photo.getexif().get(0x0112, 1) != 1)
    except Exception:  # as above
        return False


def _write(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
