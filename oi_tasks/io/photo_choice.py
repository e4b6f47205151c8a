"""Which photos to take of a release: those of some labels, at most so many for each."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from oi_tasks.core.partitions import DIGITS
from oi_tasks.io.tables import digit_of


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
        labelled = verified.filter(digit_of(pl.col("ImageID")) == digit)
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


def only_of_photos(files: Mapping[str, Path], photos: Path, folder: Path) -> dict[str, Path]:
    """The annotation of the photos that were taken: files of the same names, those of other photos' rows left out.

    `files` are a snapshot's tables by name; boxes, image labels and nothing else are written anew, below `folder`.
    """
    taken = pl.scan_parquet(photos).select("ImageID")
    kept = dict(files)
    for name, path in files.items():
        if name.startswith("boxes/") or name == "image_labels.parquet":
            kept[name] = folder / name
            kept[name].parent.mkdir(parents=True, exist_ok=True)
            rows = pl.scan_parquet(path).join(taken, on="ImageID", how="semi", maintain_order="left")
            rows.sink_parquet(kept[name])
    return kept
