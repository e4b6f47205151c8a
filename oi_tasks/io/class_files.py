"""The plain files that classes are chosen from: the hierarchy, the descriptions, and how many boxes each label has."""

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path

from oi_tasks.core.hierarchy import Hierarchy, read_edges
from oi_tasks.errors import BadInput

MID = re.compile(r"^/[a-z]/[0-9a-z_]+$")
LABEL_COLUMNS = ("labelname", "label", "mid", "class", "id")
COUNT_COLUMNS = ("trainboxes", "boxes", "count", "counts", "boxcount", "n", "total")


@dataclass(frozen=True)
class Counts:
    """Boxes by label, how many boxes there are in all, and where that is known from."""

    boxes: dict[str, int]
    total: int
    told_by: str


def read_hierarchy(path: Path) -> Hierarchy:
    """A published hierarchy file. Raises BadInput for what is none."""
    try:
        return Hierarchy(read_edges(json.loads(_text(path, "hierarchy"))))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = f"the hierarchy cannot be read: {type(error).__name__} {error}"
        raise BadInput(
            what, str(path), "it is a JSON file of nodes with LabelName, Subcategory and Part", code="bad_file"
        ) from None


def read_descriptions(path: Path) -> dict[str, str]:
    """Names by MID, from a CSV file of two columns, with a header or without. Raises BadInput for what is none."""
    names: dict[str, str] = {}
    for line, row in enumerate(csv.reader(_text(path, "descriptions").splitlines()), 1):
        if len(row) >= 2 and MID.match(row[0].strip()):
            names.setdefault(row[0].strip(), row[1].strip())
        elif row and line > 1:
            raise BadInput(
                f"line {line} of the descriptions is no MID and name: {','.join(row)[:80]}", str(path), code="bad_line"
            )
    if not names:
        raise BadInput("the descriptions name no label", str(path), "each line is a MID and a name", code="bad_file")
    return names


def read_counts(path: Path, total: int | None = None) -> Counts:
    """Boxes by label, from a CSV file with a column of MIDs and one of numbers, in any order, header or not.

    The boxes in all are `total`; else what a file of facts beside it says (`rows` of a `*facts.json`); else their sum.
    Raises BadInput for a file without these columns, and for a total that is less than what is counted.
    """
    rows = [row for row in csv.reader(_text(path, "counts").splitlines()) if any(cell.strip() for cell in row)]
    if not rows:
        raise BadInput("the file of counts is empty", str(path), code="bad_file")
    header = not any(MID.match(cell.strip()) for cell in rows[0])
    label, count = _columns(rows, header, path)
    boxes: dict[str, int] = {}
    for line, row in enumerate(rows[header:], 1 + header):
        mid, number = (row[place].strip() if place < len(row) else "" for place in (label, count))
        if not MID.match(mid) or not number.isdecimal():
            raise BadInput(
                f"line {line} of the counts has no MID and whole number: {','.join(row)[:80]}",
                str(path),
                code="bad_line",
            )
        if mid in boxes:
            raise BadInput(f"the counts name {mid} twice", str(path), code="bad_line")
        boxes[mid] = int(number)
    return _with_total(boxes, total, path)


def _columns(rows: list[list[str]], header: bool, path: Path) -> tuple[int, int]:
    """Which column has the MIDs, which the boxes."""
    names = [cell.strip().lower().replace("_", "").replace(" ", "") for cell in rows[0]] if header else []
    first = rows[1] if header and len(rows) > 1 else rows[0]
    labels = [names.index(name) for name in LABEL_COLUMNS if name in names]
    labels += [place for place, cell in enumerate(first) if MID.match(cell.strip())]
    counts = [names.index(name) for name in COUNT_COLUMNS if name in names]
    counts += [place for place, cell in enumerate(first) if cell.strip().isdigit()]
    if not labels or not counts:
        lacks = "column of MIDs" if not labels else "column of box counts"
        raise BadInput(
            f"the counts have no {lacks}: {','.join(rows[0])[:80]}",
            str(path),
            "name them LabelName and TrainBoxes",
            code="missing_column",
        )
    return labels[0], counts[0]


def _with_total(boxes: dict[str, int], total: int | None, path: Path) -> Counts:
    counted = sum(boxes.values())
    if not counted:
        raise BadInput("the counts are all zero", str(path), code="no_data")
    told_by = "--total-boxes"
    if total is None:
        found = {facts.name: rows for facts in sorted(path.parent.glob("*facts.json")) if (rows := _rows(facts))}
        fitting = {name: rows for name, rows in found.items() if rows >= counted}
        alone = len(fitting) == 1
        total, told_by = (next(iter(fitting.values())), next(iter(fitting))) if alone else (counted, "the counts' sum")
    if total < counted:
        raise BadInput(f"there cannot be {total:,} boxes in all: {counted:,} are counted", str(path), code="usage")
    return Counts(boxes, total, told_by)


def _rows(facts: Path) -> int:
    """How many boxes a file of facts tells of; 0 if it does not say."""
    try:
        rows = json.loads(facts.read_text(encoding="utf-8"))["rows"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    return rows if isinstance(rows, int) else 0


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(f"the file of {what} cannot be read: {error.strerror}", str(path), code="bad_file") from None
    except UnicodeDecodeError:
        raise BadInput(f"the file of {what} is not text in UTF-8", str(path), code="bad_file") from None
