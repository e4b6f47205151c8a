"""Precision, recall and overlap of masks over thresholds, from cells that are summed over photos."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from oi_tasks.core.label_scores import plain
from oi_tasks.core.thresholds import BINS, MaskCounts

THRESHOLDS = tuple(step / 20 for step in range(1, 20))  # 0.05 to 0.95
NUMBERS = ("precision", "recall", "iou", "dice")
SCHEMA = pl.Schema(
    {"class": pl.String, "name": pl.String, "cluster": pl.String, "threshold": pl.Float64}
    | dict.fromkeys(NUMBERS, pl.Float64)
)


def mask_curves(
    counts: Mapping[str, MaskCounts], classes: Mapping[str, Sequence[str]], names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """One row a class and threshold; None where there is nothing to divide by.

    `counts` and `classes` (MIDs, in the order of the masks) are by cluster, `names` by MID.
    """
    rows = []
    for slug, kept in sorted(counts.items()):
        overlap = kept.iou()
        for threshold in THRESHOLDS:
            found = kept.at(np.full(len(overlap), threshold))
            found["iou"] = overlap[:, round(threshold * BINS)]
            rows += [
                {"class": label, "name": names[label], "cluster": slug, "threshold": threshold}
                | {number: plain(float(found[number][place])) for number in NUMBERS}
                for place, label in enumerate(classes[slug])
            ]
    return rows
