"""Boxes of one's own photos, from a CSV as spreadsheets and labelling tools write it."""

import csv
import io
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from oi_tasks.errors import BadInput

COLUMNS = ("file", "class", "x_min", "x_max", "y_min", "y_max")
SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True)
class OwnBox:
    """A box: the photo's id, the class's name, and its sides (x_min, x_max, y_min, y_max) as shares."""

    image: str
    name: str
    sides: tuple[float, float, float, float]


def same_name(text: str) -> str:
    """A name in the one spelling that compares: letters with accents are written in two ways on disks."""
    return unicodedata.normalize("NFC", text)


def read_boxes(
    path: Path, images: Mapping[str, str], left_out: Mapping[str, str], classes: Mapping[str, object]
) -> tuple[list[OwnBox], list[str]]:
    """The boxes of a CSV, and what is said of those whose photo was left out.

    `images` has the id of each photo by its file, `left_out` the reason for each that is none, `classes` the names.
    Columns are separated by commas, semicolons or tabs; where not by commas, a number may have a comma. Raises BadInput
    naming the line that cannot be used.
    """
    found: list[OwnBox] = []
    without: list[str] = []
    for line, row in _rows(path):
        where = f"{path}, line {line}"
        file = same_name(row["file"].replace("\\", "/").removeprefix("./"))
        if file in left_out:
            without.append(f"the box of line {line} in {path}: its photo {file} is left out")
            continue
        if file not in images:
            raise BadInput(
                f"there is no photo {row['file']!r}", where, "write it as class folder/file", code="bad_line"
            )
        name = same_name(row["class"])
        if name not in classes:
            raise BadInput(
                f"there is no class {row['class']!r} with photos",
                where,
                f"there are {', '.join(classes)}",
                code="bad_line",
            )
        left, right, top, bottom = (_side(row[side], side, where) for side in COLUMNS[2:])
        if left >= right or top >= bottom:
            raise BadInput("the box has no area: its min must be under its max", where, code="bad_line")
        found.append(OwnBox(images[file], name, (left, right, top, bottom)))
    return found, without


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The line's number and the wanted columns of each row."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(f"the boxes cannot be read: {error.strerror}", str(path), code="bad_file") from None
    except UnicodeDecodeError:
        fix = "save it as CSV in UTF-8"
        raise BadInput("the boxes are no text in UTF-8", str(path), fix, code="bad_file") from None
    first = text.partition("\n")[0]
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        named = [name.strip().lower() for name in next(reader, [])]
        if missing := [name for name in COLUMNS if name not in named]:
            what, fix = f"the boxes have no column {', '.join(missing)}", f"it has {', '.join(named) or 'no line'}"
            raise BadInput(what, str(path), fix, code="missing_column")
        if twice := [name for name in COLUMNS if named.count(name) > 1]:
            raise BadInput(f"the boxes name the column {twice[0]} twice", str(path), code="bad_file")
        places = {name: named.index(name) for name in COLUMNS}
        for values in reader:
            if not any(value.strip() for value in values):
                continue
            if len(values) != len(named):
                what = f"the row has {len(values)} values where {len(named)} columns are named"
                raise BadInput(what, f"{path}, line {reader.line_num}", code="bad_line")
            row = {name: values[place] for name, place in places.items()}
            if separator != ",":
                row |= {name: row[name].replace(",", ".") for name in COLUMNS[2:]}
            yield reader.line_num, row
    except csv.Error as error:
        raise BadInput(f"the row is not CSV: {error}", f"{path}, line {reader.line_num}", code="bad_line") from None


def _side(text: str, name: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise BadInput(f"{name} is {text!r}, and must be a share from 0 to 1", where, code="bad_line")
    return value
