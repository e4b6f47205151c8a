"""Boxes, image labels and predictions in files of the release's own columns, as arrays for the detection metric."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from oi_tasks.core.hierarchy import Hierarchy, read_edges
from oi_tasks.core.openimages_map import BoxTable, ImageLabels
from oi_tasks.errors import BadInput
from oi_tasks.io.csv_rows import CsvRows, header_of
from oi_tasks.io.tables import BOXES

CORNERS = ("XMin", "XMax", "YMin", "YMax")
TRUTH = {name: BOXES[name] for name in ("ImageID", "LabelName", *CORNERS)}
GROUP = {"IsGroupOf": BOXES["IsGroupOf"]}
LABELS: dict[str, pl.DataType] = {"ImageID": pl.String(), "LabelName": pl.String(), "Confidence": pl.Float64()}
SOURCE: dict[str, pl.DataType] = {"Source": pl.String()}
PREDICTIONS: dict[str, pl.DataType] = {
    "ImageID": pl.String(),
    "LabelName": pl.String(),
    "Score": pl.Float64(),
    **{name: pl.Float64() for name in CORNERS},
}
OUTSIDE = 1e-6  # of the photo's side: rounding, no fault


@dataclass(frozen=True)
class DetectionFiles:
    """What the metric takes, and which photos and labels (MIDs) its indexes stand for."""

    photos: tuple[str, ...]
    labels: tuple[str, ...]
    hierarchy: Hierarchy
    true: BoxTable
    image_labels: ImageLabels
    predictions: BoxTable
    unknown: Mapping[str, tuple[str, ...]]
    """Labels that the hierarchy does not have, by the file that names them."""


def read_detection_files(boxes: Path, image_labels: Path, hierarchy: Path, predictions: Path) -> DetectionFiles:
    """Read the four files. Raises BadInput naming the file, the line and what is wrong with it.

    An image label counts as verified if its Confidence is 0 or 1 and its Source, where there is one, is no machine: a
    machine's labels have fractions. Without the column IsGroupOf no box is a group; -1, unknown, is none either.
    """
    tree = read_hierarchy(hierarchy)
    true = _read(boxes, "boxes", TRUTH, GROUP)
    _check_corners(true, boxes)
    if not true.height:
        raise BadInput("there is no true box: nothing can be judged", where=str(boxes), code="no_data")
    said = _read(predictions, "predictions", PREDICTIONS)
    _check_corners(said, predictions)
    _refuse(said, ~pl.col("Score").is_finite(), predictions, "the Score is no number")
    verified = _read(image_labels, "image labels", LABELS, SOURCE)
    _refuse(verified, ~pl.col("Confidence").is_between(0, 1), image_labels, "the Confidence is not from 0 to 1")
    verified = verified.filter(pl.col("Confidence").is_in([0.0, 1.0]))
    if "Source" in verified.columns:
        verified = verified.filter(pl.col("Source") != "machine")
    tables = (true, verified, said)
    photos = _distinct("ImageID", tables)
    labels = sorted({*tree.labels, *_distinct("LabelName", tables)})
    true_at, verified_at, said_at = (
        (_places(table["ImageID"], photos), _places(table["LabelName"], labels)) for table in tables
    )
    unknown = {
        str(path): tuple(sorted(set(table["LabelName"].unique()) - set(tree.labels)))
        for path, table in zip((boxes, image_labels, predictions), tables, strict=True)
    }
    group = true["IsGroupOf"].to_numpy() == 1 if "IsGroupOf" in true.columns else np.zeros(true.height, dtype=bool)
    return DetectionFiles(
        photos=tuple(photos),
        labels=tuple(labels),
        hierarchy=tree,
        true=BoxTable.true(*true_at, _corners(true), group),
        image_labels=ImageLabels(*verified_at, verified["Confidence"].to_numpy() == 1),
        predictions=BoxTable.predicted(*said_at, _corners(said), said["Score"].to_numpy()),
        unknown={name: found for name, found in unknown.items() if found},
    )


def read_hierarchy(path: Path) -> Hierarchy:
    """A published hierarchy file. Raises BadInput when it is none."""
    try:
        tree = Hierarchy(read_edges(json.loads(_there(path, "hierarchy").read_bytes())))
        if not all(isinstance(label, str) for edge in tree.edges for label in (edge.parent, edge.child)):
            raise TypeError("a LabelName is no text")
        return tree
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
        fix = "it is nested JSON of LabelName, Subcategory and Part"
        raise BadInput(f"the hierarchy cannot be read: {reason}", where=str(path), fix=fix, code="bad_file") from None


def _there(path: Path, what: str) -> Path:
    if not path.is_file():
        raise BadInput(f"there is no {what} file", str(path), "name a file", code="no_file")
    return path


def _read(
    path: Path, what: str, schema: dict[str, pl.DataType], optional: Mapping[str, pl.DataType] = {}
) -> pl.DataFrame:
    """A CSV file's columns, with the optional ones that it has. Raises BadInput for the first line of a wrong form."""
    columns = header_of(_there(path, what), what, str(path))
    missing = [name for name in schema if name not in columns]
    if missing:
        found = f"{path}, which has {', '.join(columns) or 'no line'}"
        raise BadInput(f"the {what} file lacks the column {', '.join(missing)}", where=found, code="missing_column")
    if len(set(columns)) < len(columns):
        raise BadInput(
            f"the {what} file names a column twice", f"{path}, which has {', '.join(columns)}", code="bad_file"
        )
    rows = CsvRows(path, what, str(path), columns, {**schema, **optional})
    wanted = [*schema, *(name for name in optional if name in columns)]
    empty = pl.DataFrame(schema={name: {**schema, **optional}[name] for name in wanted})
    read = pl.concat([empty, *(frame.select(wanted) for frame in rows.frames())])
    if rows.unreadable.height:
        first = rows.unreadable.sort("line").row(0, named=True)
        more = f" (and {rows.unreadable.height - 1} more lines)" if rows.unreadable.height > 1 else ""
        raise BadInput(
            f"a line of the {what} file cannot be read: {first['reason']}{more}",
            f"{path}:{first['line']}",
            code="bad_line",
        )
    return read


def _check_corners(rows: pl.DataFrame, path: Path) -> None:
    """Refuse the first box that is none, or reaches out of its photo."""
    for low, high in (CORNERS[:2], CORNERS[2:]):
        for name in (low, high):
            _refuse(rows, ~pl.col(name).is_finite(), path, f"{name} is no number")
            outside = ~pl.col(name).is_between(-OUTSIDE, 1 + OUTSIDE)
            fix = "coordinates are shares of the photo's width and height"
            _refuse(rows, outside, path, f"the box reaches out of the photo: {name} is not from 0 to 1", fix)
        _refuse(rows, pl.col(low) > pl.col(high), path, f"{low} is larger than {high}")


def _refuse(rows: pl.DataFrame, wrong: pl.Expr, path: Path, what: str, fix: str = "") -> None:
    places = rows.select(wrong.arg_true()).to_series()
    if len(places):
        more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
        raise BadInput(what + more, where=f"{path}:{places[0] + 2}", fix=fix, code="bad_line")


def _distinct(column: str, tables: Iterable[pl.DataFrame]) -> list[str]:
    """Every value of a column, once, in order."""
    return pl.concat([table[column].unique() for table in tables]).unique().sort().to_list()


def _places(values: pl.Series, known: list[str]) -> NDArray[np.int64]:
    """The index of each value among the known ones."""
    index = pl.DataFrame({"value": known}, {"value": pl.String()}).with_row_index("place")
    found = values.rename("value").to_frame().join(index, on="value", how="left", maintain_order="left")
    return found["place"].to_numpy().astype(np.int64)


def _corners(rows: pl.DataFrame) -> NDArray[np.float64]:
    return rows.select("XMin", "YMin", "XMax", "YMax").to_numpy()
