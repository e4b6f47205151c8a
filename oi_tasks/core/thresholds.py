"""Thresholds of probabilities, one a class, chosen on the tune photos; and the scores that they reach there."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEW = 20  # positives; a class with fewer takes the threshold of all classes together
BINS = 200  # steps of the thresholds of masks
DOUBT = 20  # photos; a threshold of masks chosen on so many is drawn half the way to one half


def best_f1_threshold(
    probabilities: NDArray[np.floating[Any]], present: NDArray[np.bool_], there: int | None = None
) -> float:
    """The threshold with the largest F1 over N examples; halfway between the two probabilities that it parts.

    `there` counts what is to be found, where that is more than the examples that are present. 0.5 when none is.
    """
    if not present.any():
        return 0.5
    order = np.argsort(-probabilities, kind="stable")
    ordered, hits = probabilities[order].astype(np.float64), np.cumsum(present[order])
    f1 = 2 * hits / (np.arange(1, len(ordered) + 1) + (present.sum() if there is None else there))
    f1[:-1][ordered[:-1] == ordered[1:]] = -1  # no threshold parts equal probabilities
    best = int(np.argmax(f1))
    below = ordered[best + 1] if best + 1 < len(ordered) else 0.0
    return float((ordered[best] + below) / 2)


def f1_thresholds(
    probabilities: NDArray[np.float32], present: NDArray[np.bool_], known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(C,) thresholds from probabilities, targets and what is known, each (N, C)."""
    together = best_f1_threshold(probabilities[known], present[known])
    thresholds = np.full(probabilities.shape[1], together)
    for index in range(len(thresholds)):
        rows = known[:, index]
        if (present[rows, index]).sum() >= FEW:
            thresholds[index] = best_f1_threshold(probabilities[rows, index], present[rows, index])
    return thresholds


def box_thresholds(judged: Sequence[Sequence[tuple[float, bool]]], boxes: Sequence[int]) -> list[float]:
    """The score of each class from which on its boxes have the largest F1; of a class with few boxes that of all.

    `judged` are score and hit of the boxes found of each class, `boxes` how many true ones it has.
    """

    def best(found: Sequence[tuple[float, bool]], there: int) -> float:
        scores = np.array([score for score, _ in found], dtype=np.float64)
        return best_f1_threshold(scores, np.array([hit for _, hit in found], dtype=bool), there)

    together = best([one for found in judged for one in found], sum(boxes))
    return [best(found, there) if there >= FEW else together for found, there in zip(judged, boxes, strict=True)]


def f1_by_class(
    predicted: NDArray[np.bool_], present: NDArray[np.bool_], known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(C,) F1 over what is known, NaN for a class that is present nowhere."""
    hits = (predicted & present & known).sum(0)
    named, there = (predicted & known).sum(0), (present & known).sum(0)
    return np.where(there > 0, 2 * hits / np.maximum(named + there, 1), np.nan)


class MaskCounts:
    """Cells of masks by probability, summed over photos: intersection over union at any threshold, without keeping
    a mask.
    """

    def __init__(self, classes: int) -> None:
        self.inside = np.zeros((classes, BINS), dtype=np.int64)
        self.outside = np.zeros((classes, BINS), dtype=np.int64)
        self.photos = np.zeros(classes, dtype=np.int64)  # that show the class

    def add(self, probabilities: NDArray[np.float32], targets: NDArray[np.bool_], known: NDArray[np.bool_]) -> None:
        """Count a batch: probabilities and targets (B, K, h, w), known the same or (B, K, 1, 1)."""
        bins = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
        inside, outside = targets & known, ~targets & known
        self.photos += inside.any(axis=(2, 3)).sum(axis=0)
        for index in range(len(self.inside)):
            for counts, cells in ((self.inside, inside), (self.outside, outside)):
                counts[index] += np.bincount(bins[:, index][cells[:, index]], minlength=BINS)

    def iou(self) -> NDArray[np.float64]:
        """(K, BINS) intersection over union at the thresholds 0, 1/BINS, 2/BINS, …; NaN for a class in no photo."""
        return _iou(self.inside, self.outside)

    def best(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(K,) thresholds that promise the largest intersection over union, and what they reach here.

        The best one on a few photos is their accident: it is drawn to one half, the more the fewer they are, as if
        `DOUBT` further photos had said one half. A class in no photo takes the threshold of all together, and NaN.
        """
        together = _iou(self.inside.sum(0, keepdims=True), self.outside.sum(0, keepdims=True))
        fallback = BINS // 2 if np.isnan(together).any() else int(together.argmax())
        curves = self.iou()
        best = np.array([fallback if np.isnan(curve).any() else int(curve.argmax()) for curve in curves])
        photos = np.where(self.photos > 0, self.photos, self.photos.sum())
        chosen = np.round((photos * best + DOUBT * BINS / 2) / (photos + DOUBT)).astype(int)
        return chosen / BINS, curves[np.arange(len(curves)), chosen]

    def at(self, thresholds: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """(K,) `dice`, `precision` and `recall` of each class's cells at its threshold, one of those of `iou`.

        NaN where there is nothing to divide by.
        """
        above = np.arange(BINS) >= np.round(thresholds * BINS)[:, None]
        hits, wrong, there = (self.inside * above).sum(1), (self.outside * above).sum(1), self.inside.sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {
                "dice": np.where(there > 0, 2 * hits / (hits + wrong + there), np.nan),
                "precision": hits / (hits + wrong),
                "recall": hits / there,
            }


def _iou(inside: NDArray[np.int64], outside: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union at each threshold, from counts by probability (K, BINS)."""
    there = inside.sum(1, keepdims=True)
    hits, wrong = (np.cumsum(counts[:, ::-1], axis=1)[:, ::-1] for counts in (inside, outside))
    return np.where(there > 0, hits / np.maximum(there + wrong, 1), np.nan)
