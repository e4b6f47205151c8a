"""What is known of each photo, in terms of the trained classes: present, verified absent, and boxes."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from oi_tasks.core.hierarchy import Edge, Hierarchy
from oi_tasks.io.outputs import Output

CLASS = pl.Int16()
BOX = pl.Struct(
    {
        "class": CLASS,
        "box": pl.List(pl.Float64()),  # XMin, YMin, XMax, YMax in [0, 1]
        "group": pl.Int8(),
        "occluded": pl.Int8(),
        "truncated": pl.Int8(),
        "depiction": pl.Int8(),
    }
)
PHOTO_COLUMNS = ("ImageID", "split", "sha256", "width", "height", "bin")


def read_samples(validated: Output, class_map: Mapping[str, Any]) -> pl.DataFrame:
    """The samples of validated tables under a class map, as `join_samples` makes them."""
    index = {cls["label"]: cls["index"] for cls in class_map["classes"]}
    becomes = {label: index[to["class"]] for label, to in class_map["labels"].items() if to["class"] in index}
    hierarchy = Hierarchy(
        Edge(**row) for row in pl.read_parquet(validated.local("edges.parquet")).iter_rows(named=True)
    )
    return join_samples(
        pl.read_parquet(validated.local("photos.parquet")),
        pl.concat([pl.read_parquet(validated.local(name)) for name in validated.names("boxes/")]),
        pl.read_parquet(validated.local("image_labels.parquet")),
        becomes,
        [(label, cls) for own, cls in index.items() for label in (own, *hierarchy.ancestors(own))],
    )


def join_samples(
    photos: pl.DataFrame,
    boxes: pl.DataFrame,
    image_labels: pl.DataFrame,
    becomes: Mapping[str, int],
    rules_out: Sequence[tuple[str, int]],
) -> pl.DataFrame:
    """One row for each photo that teaches something: PHOTO_COLUMNS, and `present`, `absent`, `boxes`.

    `becomes` is the class of a label, by index; `rules_out` are pairs of a label and a class that is absent where the
    label is. `present`: indexes of classes with a box or a verified label. `absent`: indexes of classes verified absent
    and of classes below one; a class that is both is present. `boxes`: the boxes of trained
    classes. Photos with neither a present nor an absent class are left out.
    """
    held = _boxes(boxes, becomes)
    verified = _as_class(image_labels.filter(pl.col("Confidence") >= 1), becomes)
    present = pl.concat([held.select("ImageID", "class"), verified.select("ImageID", "class")]).unique()
    absent = (
        image_labels.filter(pl.col("Confidence") == 0)
        .join(pl.DataFrame(rules_out, {"LabelName": pl.String(), "class": CLASS}, orient="row"), on="LabelName")
        .select("ImageID", "class")
        .unique()
        .join(present, on=["ImageID", "class"], how="anti")
    )
    known = photos.select(PHOTO_COLUMNS)
    for name, rows in (("present", present), ("absent", absent)):
        known = known.join(rows.group_by("ImageID").agg(pl.col("class").sort().alias(name)), on="ImageID", how="left")
    known = known.filter(pl.col("present").is_not_null() | pl.col("absent").is_not_null())
    by_photo = held.group_by("ImageID").agg(pl.col("held").sort_by("order").alias("boxes"))
    return known.join(by_photo, on="ImageID", how="left").with_columns(
        pl.col("present", "absent", "boxes").fill_null(pl.lit([])),
    )


def _boxes(boxes: pl.DataFrame, becomes: Mapping[str, int]) -> pl.DataFrame:
    """The boxes of trained classes: ImageID, class, order (as released), held (a BOX)."""
    return (
        _as_class(boxes, becomes)
        .with_row_index("order")
        .select(
            "ImageID",
            "class",
            "order",
            pl.struct(
                "class",
                pl.concat_list("XMin", "YMin", "XMax", "YMax").alias("box"),
                pl.col("IsGroupOf").alias("group"),
                pl.col("IsOccluded").alias("occluded"),
                pl.col("IsTruncated").alias("truncated"),
                pl.col("IsDepiction").alias("depiction"),
            ).alias("held"),
        )
    )


def _as_class(rows: pl.DataFrame, becomes: Mapping[str, int]) -> pl.DataFrame:
    """The rows whose label became a class, with its index as `class`."""
    return rows.with_columns(
        pl.col("LabelName").replace_strict(dict(becomes), default=None, return_dtype=CLASS).alias("class")
    ).drop_nulls("class")
