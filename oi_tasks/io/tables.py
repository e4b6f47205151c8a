"""A release's CSV files as typed tables. What cannot be read is set apart with its line and the reason."""

import csv
import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from oi_tasks.errors import BadInput

FLAGS = ("IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside")
BOXES: dict[str, pl.DataType] = {
    "ImageID": pl.String(),
    "Source": pl.String(),
    "LabelName": pl.String(),
    "Confidence": pl.Float64(),
    "XMin": pl.Float64(),
    "XMax": pl.Float64(),
    "YMin": pl.Float64(),
    "YMax": pl.Float64(),
    **{flag: pl.Int8() for flag in FLAGS},
}
IMAGE_LABELS: dict[str, pl.DataType] = {
    "ImageID": pl.String(),
    "Source": pl.String(),
    "LabelName": pl.String(),
    "Confidence": pl.Float64(),
}
IMAGES: dict[str, pl.DataType] = {
    "ImageID": pl.String(),
    "Subset": pl.String(),
    "OriginalSize": pl.Int64(),
    "OriginalMD5": pl.String(),
}
DESCRIPTIONS: dict[str, pl.DataType] = {"LabelName": pl.String(), "DisplayName": pl.String()}
UNREADABLE = {
    "table": pl.String(),
    "source": pl.String(),
    "line": pl.Int64(),
    "reason": pl.String(),
    "text": pl.String(),
}
SHOWN = 200  # characters of an unreadable line that are kept


@dataclass(frozen=True)
class Read:
    """A table as read: the rows, those that could not be read, and how many lines came in."""

    rows: pl.DataFrame
    unreadable: pl.DataFrame
    lines: int


def read_csv(path: Path, table: str, source: str, schema: dict[str, pl.DataType], header: bool = True) -> Read:
    """Read one CSV file into the columns of a schema; other columns are left out, in whatever order they stand.

    Raises BadInput naming each column that is missing. Lines in equal rows out plus unreadable ones.
    """
    columns = _columns(path, table, source) if header else list(schema)
    missing = [name for name in schema if name not in columns]
    if missing:
        raise BadInput(
            f"the {table} file lacks the column {', '.join(missing)}",
            where=f"{source}, which has {', '.join(columns)}",
            fix="its first line must name the release's columns",
            code="missing_column",
        )
    typed = {name: schema.get(name, pl.String()) for name in columns}
    try:
        rows = pl.scan_csv(path, has_header=header, schema=typed).select(list(schema)).collect()
        unreadable = pl.DataFrame(schema=UNREADABLE)
        if rows.filter(pl.any_horizontal(pl.all().is_null())).height:
            rows, unreadable = _line_by_line(path, table, source, columns, schema, header)
    except pl.exceptions.PolarsError:
        rows, unreadable = _line_by_line(path, table, source, columns, schema, header)
    return Read(rows, unreadable, rows.height + unreadable.height)


def _columns(path: Path, table: str, source: str) -> list[str]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        first = next(csv.reader(file), [])
    if not first:
        raise BadInput(f"the {table} file is empty", where=source, code="missing_column")
    return first


def _line_by_line(
    path: Path, table: str, source: str, columns: Sequence[str], schema: dict[str, pl.DataType], header: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The slow way, for a file with bad lines: keep what can be read, set the rest apart with its line number."""
    good, bad = io.StringIO(), []
    writer = csv.writer(good)
    writer.writerow(columns)
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        lines = itertools.islice(enumerate(file, start=1), 1 if header else 0, None)
        for number, text in lines:
            reason = _fault(text, columns, schema)
            if reason:
                shown = text.strip()[:SHOWN]
                bad.append({"table": table, "source": source, "line": number, "reason": reason, "text": shown})
            else:
                writer.writerow(next(csv.reader([text])))
    good.seek(0)
    typed = {name: schema.get(name, pl.String()) for name in columns}
    rows = pl.read_csv(good.getvalue().encode(), schema=typed).select(list(schema))
    return rows, pl.DataFrame(bad, schema=UNREADABLE)


def _fault(text: str, columns: Sequence[str], schema: dict[str, pl.DataType]) -> str:
    """Why a line cannot be read, or an empty text."""
    values = next(csv.reader([text]), [])
    if len(values) != len(columns):
        return f"{len(values)} values where {len(columns)} columns are named"
    for name, value in zip(columns, values, strict=True):
        kind = schema.get(name)
        if kind is None:
            continue
        if value == "":
            return f"{name} is empty"
        try:
            if kind.is_integer():
                int(value)
            elif kind.is_float():
                float(value)
        except ValueError:
            return f"{name} is no number: {value[:40]!r}"
    return ""
