"""A row for each photo that was scored: what is there, what was said, where it was sent, boxes and masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from oi_tasks.core.bootstrap import Counts
from oi_tasks.core.label_scores import LabelScores
from oi_tasks.core.metrics import Bools

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "bin": pl.String,
    "truth": pl.List(pl.String),
    "said": pl.List(pl.String),
    "top_probability": pl.Float64,
    "ran": pl.List(pl.String),
    "boxes_true": pl.Int64,
    "boxes_found": pl.Int64,
    "boxes_hit": pl.Int64,
    "masks": pl.List(pl.Struct({"cluster": pl.String, "cells_both": pl.Int64, "cells_either": pl.Int64})),
}


@dataclass(frozen=True)
class PhotoCounts:
    """What N photos left behind, C classes; by cluster the K classes that it is of."""

    ids: Sequence[str]
    bins: Sequence[str]
    labels: LabelScores
    ran: Mapping[str, Bools]
    """(N,) by cluster: whether the classifier sent the photo there."""
    recall: Counts
    """(N, C, 2): true boxes that were found, true boxes; of classes whose place in the photo is known."""
    precision: Counts
    """(N, C, 2): found boxes that are true, found boxes."""
    masks: Mapping[str, Counts]
    """(N, K, 2) by cluster: cells in both masks and in either, also where it was run for its score alone."""

    def rows(self) -> list[dict[str, Any]]:
        """As a table: `cells_both` and `cells_either` of a cluster are summed over its classes."""
        return [self._row(row) for row in range(len(self.ids))]

    def _row(self, row: int) -> dict[str, Any]:
        labels = self.labels
        cells = {slug: kept[row].sum(0) for slug, kept in sorted(self.masks.items())}
        return {
            "id": self.ids[row],
            "bin": self.bins[row],
            "truth": self._named(labels.present[row]),
            "said": self._named(labels.said[row]),
            "top_probability": float(labels.probabilities[row].max(initial=0.0)),
            "ran": [slug for slug, sent in sorted(self.ran.items()) if sent[row]],
            "boxes_true": int(self.recall[row, :, 1].sum()),
            "boxes_found": int(self.precision[row, :, 1].sum()),
            "boxes_hit": int(self.recall[row, :, 0].sum()),
            "masks": [
                {"cluster": slug, "cells_both": int(both), "cells_either": int(either)}
                for slug, (both, either) in cells.items()
            ],
        }

    def _named(self, flags: Bools) -> list[str]:
        return [self.labels.classes[place] for place in np.flatnonzero(flags).tolist()]
