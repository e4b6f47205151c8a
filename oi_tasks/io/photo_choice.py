"""Which photos to take of a release: those of some labels, at most so many for each."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from oi_tasks.io.tables import DIGITS


def choose_photos(
    boxes: Sequence[Path], image_labels: Path, labels: Iterable[str] = (), per_label: int | None = None
) -> pl.Series:
    """ImageIDs that show one of the labels (none: any), by a box or by a label verified present; each once, in order.

    For each label the first `per_label` by ImageID are taken (None: all). An ImageID is a hash, so these are a fair
    draw; a larger number takes the same photos and more. `boxes` are the 16 partitions by first digit, read one at a
    time.
    """
    wanted, taken, chosen = list(labels), pl.DataFrame(schema={"LabelName": pl.String, "before": pl.Int64}), []
    verified = pl.scan_parquet(image_labels).filter(pl.col("Confidence") >= 1).select("ImageID", "LabelName")
    for digit, path in zip(DIGITS, boxes, strict=True):
        labelled = verified.filter(pl.col("ImageID").str.starts_with(digit))
        shown = pl.concat([pl.scan_parquet(path).select("ImageID", "LabelName"), labelled]).unique()
        if wanted:
            shown = shown.filter(pl.col("LabelName").is_in(wanted))
        pairs = shown.collect().sort("ImageID", "LabelName")
        if per_label is not None:
            place = pl.int_range(pl.len()).over("LabelName") + pl.col("before").fill_null(0)
            placed = pairs.join(taken, on="LabelName", how="left", maintain_order="left").with_columns(place=place)
            pairs = placed.filter(pl.col("place") < per_label)
            counts = pl.concat([taken, pairs.group_by("LabelName").agg(before=pl.len().cast(pl.Int64))])
            taken = counts.group_by("LabelName").sum()
        chosen.append(pairs["ImageID"].unique().sort())
    return pl.concat(chosen)
