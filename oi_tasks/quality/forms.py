"""The tables of a snapshot: the columns that each must have, and those that are worked out for its expectations."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from oi_tasks.core.hierarchy import Edge
from oi_tasks.io.photo_check import PHOTO_SCHEMA
from oi_tasks.io.tables import BOXES, DESCRIPTIONS, IMAGE_LABELS
from oi_tasks.quality.hierarchy_faults import roots_of

Form = Mapping[str, pl.DataType]

EDGES: Form = {
    "kind": pl.String(),
    "parent": pl.String(),
    "child": pl.String(),
    "depth": pl.Int32(),
    "occurrence": pl.Int32(),
}
LABELS: Form = {
    "LabelName": pl.String(),
    "DisplayName": pl.String(),
    "place": pl.String(),
    "root": pl.Boolean(),
    "boxes": pl.Int64(),
    "image_labels": pl.Int64(),
    "annotation": pl.Int64(),
}
DRIFT: Form = {
    "measure": pl.String(),
    "subject": pl.String(),
    "LabelName": pl.String(),
    "before": pl.Int64(),
    "now": pl.Int64(),
    "change": pl.Float64(),
    "psi": pl.Float64(),
    "growth": pl.Float64(),
    "vanished": pl.Boolean(),
}
FORMS: dict[str, Form] = {
    "photos": {name: kind() for name, kind in PHOTO_SCHEMA.items()},
    "image_labels": IMAGE_LABELS,
    "boxes": BOXES,
    "descriptions": DESCRIPTIONS,
    "edges": EDGES,
}
"""What the steps before hand over, in the order in which it is judged."""

ANNOTATED: Form = {"repeated": pl.Boolean(), "photo": pl.String(), "label_known": pl.Boolean()}
BOX = ("ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax")
"""What makes two rows the same box, whoever drew it."""

ADDED: dict[str, Form] = {
    "photos": {"repeated": pl.Boolean(), "state": pl.String(), "listed": pl.Int64()},
    "image_labels": {**ANNOTATED, "contradicted": pl.Boolean()},
    "boxes": {**ANNOTATED, "denied": pl.Boolean(), "thin": pl.Boolean()},
    "descriptions": {"repeated": pl.Boolean(), "shared": pl.Boolean()},
    "edges": {},
}
"""The columns that are worked out: see the functions below, and `meta.columns` of each suite."""

QUARANTINE: Form = {
    "table": pl.String(),
    "ImageID": pl.String(),
    "LabelName": pl.String(),
    "row": pl.Int64(),
    "reason": pl.String(),
}


def judged_form(table: str) -> Form:
    """The columns that the suite of a table can speak of."""
    alone = {"across_tables": LABELS, "drift": DRIFT}
    return alone[table] if table in alone else {**FORMS[table], **ADDED[table]}


@dataclass(frozen=True)
class FormFault:
    """A column that is missing, or holds something else."""

    code: str  # missing_column, wrong_type
    column: str
    expected: str
    found: str


def form_faults(table: str, frame: pl.DataFrame) -> list[FormFault]:
    """What is wrong with a table's columns. Integers and floats may be of any width."""
    faults = []
    for column, kind in FORMS[table].items():
        if column not in frame.columns:
            faults.append(FormFault("missing_column", column, str(kind), "nothing"))
            continue
        found = frame.schema[column]
        alike = (kind.is_integer() and found.is_integer()) or (kind.is_float() and found.is_float())
        if found != kind and not alike:
            faults.append(FormFault("wrong_type", column, str(kind), str(found)))
    return faults


def without_nan(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with `nan` as a missing value, which is what it means in a CSV file."""
    return frame.with_columns(pl.selectors.float().fill_nan(None))


def with_repeated(frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Add `repeated`: an equal row, in these columns or in all, stands above."""
    return frame.with_columns(repeated=pl.struct(columns or frame.columns).is_first_distinct().not_())


def with_photo_and_label(frame: pl.DataFrame, photos: pl.DataFrame | None, known: pl.Series | None) -> pl.DataFrame:
    """Add `photo` (good, absent, or the reason its photo was set apart), its width and height, and `label_known`.

    `photos` has one row a photo: ImageID, photo, width, height in pixels; `known` holds all MIDs of the hierarchy and
    the descriptions. What could not be read is no reason to doubt the rows: it has a finding of its own.
    """
    if photos is None:
        nothing = pl.lit(None, dtype=pl.Int32)
        frame = frame.with_columns(photo=pl.lit("good"), width=nothing, height=nothing)
    else:
        joined = frame.join(photos, on="ImageID", how="left", maintain_order="left")
        frame = joined.with_columns(pl.col("photo").fill_null("absent"))
    is_known = pl.lit(True) if known is None else pl.col("LabelName").is_in(known.implode())
    return frame.with_columns(label_known=is_known)


def with_contradicted(image_labels: pl.DataFrame) -> pl.DataFrame:
    """Add `contradicted`: the same photo and label are said to be there, and not to be there."""
    said = pl.col("Confidence")
    both = (said == 0).any() & (said == 1).any()
    return image_labels.with_columns(contradicted=both.over("ImageID", "LabelName").fill_null(False))


def with_denied(boxes: pl.DataFrame, absent: pl.LazyFrame) -> pl.DataFrame:
    """Add `denied`: a verified image label says that the photo does not show the box's label.

    `absent` holds the pairs of ImageID and LabelName that were verified absent, and by no other row present.
    """
    pair = ("ImageID", "LabelName")
    here = absent.select(pair).join(boxes.lazy().select("ImageID").unique(), on="ImageID", how="semi").unique()
    marked = here.with_columns(denied=pl.lit(True)).collect()
    joined = boxes.join(marked, on=pair, how="left", maintain_order="left")
    return joined.with_columns(pl.col("denied").fill_null(False))


def verified_absent(image_labels: pl.LazyFrame) -> pl.LazyFrame:
    """The pairs of ImageID and LabelName that were looked for and not found. What is contradicted says nothing."""
    said = pl.col("Confidence")
    pair = ("ImageID", "LabelName")
    present = image_labels.filter(said >= 1).select(pair)
    return image_labels.filter(said == 0).select(pair).join(present, on=pair, how="anti")


def with_thin(boxes: pl.DataFrame) -> pl.DataFrame:
    """Add `thin`: less than a pixel of its photo wide or high; where the photo's size is not known, nobody can say."""
    across = (pl.col("XMax") - pl.col("XMin")) * pl.col("width")
    down = (pl.col("YMax") - pl.col("YMin")) * pl.col("height")
    return boxes.with_columns(thin=((across < 1) | (down < 1)).fill_null(False)).drop("width", "height")


def with_state(photos: pl.DataFrame, listed: pl.DataFrame | None) -> pl.DataFrame:
    """Add `state` (good, or the reason it cannot be used), and `listed`: how many rows of the release's list name it.

    `listed` has a row for each of the list's, with ImageID; None for a release without a list.
    """
    photos = photos.with_columns(state=pl.col("reason").fill_null("good"))
    if listed is None:
        return photos.with_columns(listed=pl.lit(1, dtype=pl.Int64))
    times = listed.group_by("ImageID").agg(pl.len().cast(pl.Int64).alias("listed"))
    return photos.join(times, on="ImageID", how="left", maintain_order="left").with_columns(
        pl.col("listed").fill_null(0)
    )


def with_shared(descriptions: pl.DataFrame) -> pl.DataFrame:
    """Add `shared`: another label has the same name."""
    labels = pl.col("LabelName").n_unique().over("DisplayName")
    return descriptions.with_columns(shared=labels > 1)


def label_table(
    edges: pl.DataFrame, descriptions: pl.DataFrame, annotation: Mapping[str, pl.LazyFrame]
) -> pl.DataFrame:
    """One row for each label that any table names, in the form LABELS, by MID.

    `annotation` holds the tables of boxes and of image labels, of which rows are counted by LabelName. Without a
    hierarchy nobody can say what stands outside it: then every label is taken as used.
    """
    tree = pl.concat([edges.select(LabelName="parent"), edges.select(LabelName="child")]).drop_nulls().unique()
    roots = roots_of(Edge(*row) for row in edges.iter_rows())
    tree = tree.with_columns(root=pl.col("LabelName").is_in(roots), stands=pl.lit(True))
    table = tree.join(descriptions, on="LabelName", how="full", coalesce=True)
    for name, rows in annotation.items():
        counts = rows.group_by("LabelName").agg(pl.len().cast(pl.Int64).alias(name)).collect()
        table = table.join(counts, on="LabelName", how="full", coalesce=True)
    table = table.with_columns(pl.col("root", "stands").fill_null(False), pl.col(*annotation).fill_null(0))
    place = (
        pl.when(pl.lit(edges.is_empty()))
        .then(pl.lit("used"))
        .when(pl.col("root") & pl.col("DisplayName").is_null())
        .then(pl.lit("nameless_root"))
        .when(pl.col("stands") & pl.col("DisplayName").is_null())
        .then(pl.lit("undescribed"))
        .when(pl.col("stands"))
        .then(pl.lit("used"))
        .when(pl.sum_horizontal(*annotation) > 0)
        .then(pl.lit("outside"))
        .otherwise(pl.lit("unused"))
    )
    table = table.with_columns(place=place, annotation=pl.sum_horizontal(*annotation))
    return table.select(*LABELS).sort("LabelName")
