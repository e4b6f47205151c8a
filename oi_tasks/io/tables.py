"""A release's CSV files as typed tables, in the forms in which Open Images has published them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from oi_tasks.core.partitions import DIGITS
from oi_tasks.errors import BadInput, OiError
from oi_tasks.io.csv_rows import UNREADABLE, CsvRows, header_of

__all__ = ["BOXES", "DESCRIPTIONS", "IMAGES", "IMAGE_LABELS", "TABLES", "UNREADABLE", "open_table"]

FASTEST = 1  # of zstd: a fifth less work than its usual level, for files a sixth larger
ROW_GROUP = 1 << 16  # rows; each partition holds one in memory while it is written
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
    "Rotation": pl.Float64(),
}
DESCRIPTION_HEADERS = (("LabelName", "DisplayName"), ("id", "name"))  # of V7 and V6; V4 and V5 have none
DESCRIPTIONS: dict[str, pl.DataType] = {"LabelName": pl.String(), "DisplayName": pl.String()}


@dataclass(frozen=True)
class Table:
    """A table's columns, and the forms in which its files come.

    Each form names the columns that such a file lacks; they are `filled`. A file that lacks others is in none.
    `optional` columns may be missing or empty, and are then null. `bare`: its files may have no header.
    """

    schema: Mapping[str, pl.DataType]
    lacking: tuple[tuple[str, ...], ...] = ((),)
    filled: Mapping[str, Any] = field(default_factory=dict)
    optional: tuple[str, ...] = ()
    bare: bool = False


# Flags of -1 are unknown; a box without a confidence was drawn by a person.
_UNKNOWN = {"Source": "unknown", "Confidence": 1.0, **dict.fromkeys(FLAGS, -1)}
TABLES = {
    "boxes": Table(
        BOXES,
        lacking=((), FLAGS, ("Source", "Confidence", "IsOccluded", "IsTruncated", "IsDepiction", "IsInside")),
        filled=_UNKNOWN,
    ),
    "image_labels": Table(IMAGE_LABELS, lacking=((), ("Source",)), filled=_UNKNOWN),
    "machine_labels": Table(IMAGE_LABELS),
    "images": Table(IMAGES, optional=("Rotation",)),
    "descriptions": Table(DESCRIPTIONS, bare=True),
}
"""Boxes come whole (V4 and later), without flags (V2), and as the challenges have them, with IsGroupOf alone."""


def open_table(path: Path, table: str, source: str) -> CsvRows:
    """A file of a table, its form told by its header. Raises BadInput naming each column that is missing."""
    form = TABLES[table]
    columns = _columns(path, table, source)
    header = not form.bare or tuple(columns) in DESCRIPTION_HEADERS
    if form.bare:
        columns = list(form.schema)
    missing = {name for name in form.schema if name not in columns} - set(form.optional)
    if missing not in [set(lacking) for lacking in form.lacking]:
        named = [name for name in form.schema if name in missing]
        raise BadInput(
            f"the {table} file lacks the column {', '.join(named)}",
            where=f"{source}, which has {', '.join(columns)}",
            fix="its first line must name the release's columns",
            code="missing_column",
        )
    if len(set(columns)) < len(columns):
        raise BadInput(
            f"the {table} file names a column twice", f"{source}, which has {', '.join(columns)}", code="bad_file"
        )
    return CsvRows(path, table, source, columns, form.schema, header, form.optional)


def _columns(path: Path, table: str, source: str) -> list[str]:
    first = header_of(path, table, source)
    if not first:
        raise BadInput(f"the {table} file is empty", where=source, code="missing_column")
    return first


class Rows:
    """All files of a table, one after the other, as one stream of rows with every column of the table."""

    def __init__(self, table: str, files: Sequence[CsvRows]) -> None:
        self.table, self.files = table, files
        self.schema = dict(TABLES[table].schema)
        self._error: Exception | None = None

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows in the table's columns, block by block."""
        form = TABLES[self.table]
        for file in self.files:
            for frame in file.frames():
                filled = [
                    pl.lit(form.filled.get(name), dtype=kind).alias(name)
                    for name, kind in self.schema.items()
                    if name not in frame.columns
                ]
                yield frame.with_columns(filled).select(list(self.schema))

    def whole(self) -> pl.DataFrame:
        """All rows in memory."""
        return pl.concat([pl.DataFrame(schema=self.schema), *self.frames()])

    def lazy(self) -> pl.LazyFrame:
        """The rows as a source of a streaming query, read once."""

        def source(
            columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, batch: int | None
        ) -> Iterator[pl.DataFrame]:
            try:
                for frame in self.frames():
                    kept = frame if predicate is None else frame.filter(predicate)
                    yield kept if columns is None else kept.select(columns)
            except Exception as error:
                self._error = error
                raise

        return register_io_source(source, schema=self.schema)

    def write(self, place: "pl.PartitionBy | Path", query: Callable[[pl.LazyFrame], pl.LazyFrame]) -> None:
        """Run a streaming query over the rows into Parquet. Raises what reading them raised, not polars's word."""
        try:
            query(self.lazy()).sink_parquet(place, mkdir=True, row_group_size=ROW_GROUP, compression_level=FASTEST)
        except pl.exceptions.PolarsError:
            if self._error is not None:
                raise self._error from None
            raise

    @property
    def lines(self) -> int:
        """Lines that came in, once all frames were read."""
        return sum(file.lines for file in self.files)

    @property
    def unreadable(self) -> pl.DataFrame:
        """The lines of all files that could not be read."""
        return pl.concat([pl.DataFrame(schema=UNREADABLE), *(file.unreadable for file in self.files)])

    def check(self, written: int) -> None:
        """Raise OiError unless every line that came in was written, or set apart."""
        apart = self.unreadable.height
        if self.lines != written + apart:
            lost = f"{self.lines} lines came in, {written} rows went out and {apart} were set apart"
            raise OiError(f"{self.table}: {lost}", code="rows_lost")


def digit_of(image_id: pl.Expr) -> pl.Expr:
    """The partition of an ImageID: its first digit, or 0 for one that is no hex number: validation finds it there."""
    digit = image_id.str.slice(0, 1).str.to_lowercase()
    return pl.when(digit.is_in(list(DIGITS))).then(digit).otherwise(pl.lit("0"))


def write_partitions(rows: Rows, folder: Path) -> list[Path]:
    """Write the rows to `folder/{0..f}.parquet` by the first digit of ImageID, streaming; returns the files in order.

    The rows of a partition keep their order, so equal files give equal bytes. Raises OiError if a row was lost.
    """
    folder.mkdir(parents=True)
    whole = pl.PartitionBy(folder, key="digit", include_key=False, approximate_bytes_per_file=1 << 62)
    rows.write(whole, lambda read: read.with_columns(digit=digit_of(pl.col("ImageID"))))
    paths = []
    for place in DIGITS:
        path, made = folder / f"{place}.parquet", sorted((folder / f"digit={place}").glob("*.parquet"))
        if made:
            (one,) = made
            one.replace(path)
            one.parent.rmdir()
        else:
            pl.DataFrame(schema=rows.schema).write_parquet(path)
        paths.append(path)
    rows.check(sum(rows_of(path) for path in paths))
    return paths


def write_whole(rows: Rows, path: Path) -> None:
    """Write the rows to one file, streaming. Raises OiError if a row was lost."""
    rows.write(path, lambda read: read)
    rows.check(rows_of(path))


def rows_of(path: Path) -> int:
    """How many rows a Parquet file holds."""
    return int(pl.scan_parquet(path).select(pl.len()).collect().item())
