"""What changed since the last accepted snapshot: how many rows, and how labels, boxes, flags and photos spread.

Two spreads are compared by the population stability index, the sum over classes of (now − before) · ln(now / before) of
their shares; below 0.1 is taken as no change, above 0.2 as one to look at (Siddiqi, Credit Risk Scorecards, 2006).
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from oi_tasks.io.tables import FLAGS
from oi_tasks.quality.forms import DRIFT

Facts = dict[str, Any]
SMOOTHING = 0.5  # rows added to each class, so that one without rows has a logarithm
SPREADS = {"labels": "labels", "box_sizes": "sizes of boxes", "photo_sizes": "sizes of photos"}


def facts_of(folder: Path) -> Facts:
    """Counts of the clean tables below a folder: rows by table, and rows by label, size and flag. Small, and JSON."""
    boxes = pl.scan_parquet(folder / "boxes" / "*.parquet")
    image_labels = pl.scan_parquet(folder / "image_labels.parquet")
    photos = pl.scan_parquet(folder / "photos.parquet")
    labels = pl.concat([boxes.select("LabelName"), image_labels.filter(pl.col("Confidence") >= 1).select("LabelName")])
    area = (pl.col("XMax") - pl.col("XMin")) * (pl.col("YMax") - pl.col("YMin"))
    long_side = pl.max_horizontal("width", "height")
    tables = {"boxes": boxes, "image_labels": image_labels, "photos": photos}
    return {
        "rows": {name: table.select(pl.len()).collect().item() for name, table in tables.items()},
        "labels": _counts(labels, pl.col("LabelName")),
        "box_sizes": _counts(boxes, _octave(area)),
        "photo_sizes": _counts(photos, _octave(long_side * long_side)),
        "flags": {flag: _counts(boxes, pl.col(flag).cast(pl.String)) for flag in FLAGS},
    }


def _octave(area: pl.Expr) -> pl.Expr:
    """Sizes by doublings of the area, which is what the eye takes as steps."""
    return area.log(2).floor().cast(pl.Int32).cast(pl.String)


def _counts(table: pl.LazyFrame, classes: pl.Expr) -> dict[str, int]:
    counted = table.select(classes.alias("class")).drop_nulls().group_by("class").len().sort("class").collect()
    return dict(counted.iter_rows())


def drift_table(now: Facts, before: Facts, least: int = 0) -> pl.DataFrame:
    """What is judged by the suite `drift`, in the form DRIFT: a row for each count, each spread and each label.

    A label's growth is told where it had `least` rows before.
    """
    rows: list[dict[str, Any]] = []
    for name, count in now["rows"].items():
        was = before["rows"].get(name, 0)
        change = abs(count - was) / was if was else None
        rows.append({"measure": "rows", "subject": name, "before": was, "now": count, "change": change})
    for name, called in SPREADS.items():
        rows.append({"measure": "spread", "subject": called, "psi": stability(now[name], before[name])})
    for flag in now["flags"]:
        psi = stability(now["flags"][flag], before["flags"].get(flag, {}))
        rows.append({"measure": "spread", "subject": flag, "psi": psi})
    for label in sorted({*now["labels"], *before["labels"]}):
        was, count = before["labels"].get(label, 0), now["labels"].get(label, 0)
        growth = count / was if was and was >= least else None
        fact = {"measure": "label", "subject": label, "LabelName": label, "before": was, "now": count}
        rows.append(fact | {"growth": growth, "vanished": bool(was and not count)})
    return pl.DataFrame(rows, schema=pl.Schema(DRIFT)).with_columns(pl.col("vanished").fill_null(False))


def stability(now: Mapping[str, int], before: Mapping[str, int]) -> float | None:
    """The population stability index of two spreads over classes; None where either has no rows."""
    if not sum(now.values()) or not sum(before.values()):
        return None
    classes = sorted({*now, *before})
    shares = []
    for counts in (now, before):
        whole = sum(counts.values()) + SMOOTHING * len(classes)
        shares.append([(counts.get(name, 0) + SMOOTHING) / whole for name in classes])
    return float(sum((a - b) * math.log(a / b) for a, b in zip(shares[0], shares[1], strict=True)))
