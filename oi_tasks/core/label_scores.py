"""A classifier against what is known of photos: the numbers of the whole, and a row for each class."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from oi_tasks.core import metrics
from oi_tasks.core.bootstrap import Counts
from oi_tasks.core.metrics import Bools

FORMULAS = {"top1_accuracy": metrics.ratio, "macro_f1": metrics.macro_f1, "micro_f1": metrics.micro_f1}


@dataclass(frozen=True)
class LabelScores:
    """What a classifier says of N photos and C classes, and what is known of them."""

    classes: Sequence[str]
    names: Sequence[str]
    probabilities: npt.NDArray[np.floating[Any]]
    said: Bools
    """(N, C): the classes that the classifier names."""
    present: Bools
    known: Bools

    @cached_property
    def counts(self) -> Counts:
        """(N, C, 3): both said and true, said, true."""
        return metrics.label_counts(self.said, self.present, self.known)

    @cached_property
    def top1(self) -> Counts:
        """(N, 1, 2): right, and judged, of photos that show one class."""
        return metrics.top1_counts(self.probabilities, self.present)

    def numbers(self) -> dict[str, Counts]:
        """The counts that each number of the whole comes from."""
        return {"macro_f1": self.counts, "micro_f1": self.counts, "top1_accuracy": self.top1}

    def rows(self) -> list[dict[str, Any]]:
        """One row a class: label, name, photos that show it, precision, recall, F1, average precision.

        None for what is no number: a class without a photo has neither recall, F1 nor average precision.
        """
        sums = self.counts.sum(0)
        rows = []
        for place, (label, name) in enumerate(zip(self.classes, self.names, strict=True)):
            seen = self.known[:, place]
            photos = int(self.present[seen, place].sum())
            both, said, true = sums[place]
            ranked = metrics.average_precision(self.probabilities[seen, place], self.present[seen, place], photos)
            rows.append(
                {
                    "label": label,
                    "name": name,
                    "photos": photos,
                    "precision": share(both, said),
                    "recall": share(both, true),
                    "f1": share(2 * both, said + true) if photos else None,
                    "average_precision": plain(ranked),
                }
            )
        return rows


def share(part: float, whole: float) -> float | None:
    """Part of a whole; None of nothing."""
    return float(part / whole) if whole else None


def plain(value: float) -> float | None:
    """A number as JSON has it: None for what is none."""
    return None if np.isnan(value) else float(value)
