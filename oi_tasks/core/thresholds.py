"""Thresholds: from which probability on a class is said to be there, chosen on the `tune` split."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
GRID = np.linspace(0.05, 0.95, 19)  # thresholds tried for masks


def best_f1_thresholds(probabilities: Floats, truth: Bools, known: Bools, otherwise: float = 0.5) -> list[float]:
    """Per class the threshold of largest F1 over the photos where the class is known; all arrays are (N, C).

    The threshold lies half-way between the last probability said yes to and the next; `otherwise` where no photo is
    known to show the class.
    """
    found = []
    for column in range(probabilities.shape[1]):
        seen = known[:, column]
        score, true = probabilities[seen, column], truth[seen, column]
        if not true.any():
            found.append(otherwise)
            continue
        order = np.argsort(-score, kind="stable")
        score, true = score[order], true[order]
        hits = np.cumsum(true)
        f1 = 2 * hits / (np.arange(1, len(true) + 1) + true.sum())
        f1[:-1][score[:-1] == score[1:]] = -1  # equal probabilities stand or fall together
        last = int(np.argmax(f1))
        below = score[last + 1] if last + 1 < len(score) else 0.0
        found.append(float((score[last] + below) / 2))
    return found


def counts_by_threshold(probabilities: Floats, truth: Bools, known: Bools) -> npt.NDArray[np.int64]:
    """Cells in both, and in either, for each threshold of the grid and class: (len(GRID), C, 2), summed over photos.

    `probabilities`, `truth` and `known` are (B, C, h, w); unknown cells do not count.
    """
    counts = np.zeros((len(GRID), probabilities.shape[1], 2), dtype=np.int64)
    axes = (0, 2, 3)
    for place, threshold in enumerate(GRID):
        guess = (probabilities >= threshold) & known
        counts[place, :, 0] = (guess & truth).sum(axis=axes)
        counts[place, :, 1] = (guess | (truth & known)).sum(axis=axes)
    return counts


def best_iou(counts: npt.NDArray[np.int64]) -> tuple[list[float], list[float]]:
    """Per class the threshold of largest IoU, and that IoU; a class without a cell gets 0.5 and NaN."""
    with np.errstate(invalid="ignore"):
        iou = np.where(counts[..., 1] > 0, counts[..., 0] / np.maximum(counts[..., 1], 1), np.nan)
    thresholds, values = [], []
    for column in range(iou.shape[1]):
        if np.isnan(iou[:, column]).all() or not counts[:, column, 0].any():
            thresholds.append(0.5)
            values.append(float("nan") if not counts[:, column, 1].any() else 0.0)
            continue
        place = int(np.nanargmax(iou[:, column]))
        thresholds.append(float(GRID[place]))
        values.append(float(iou[place, column]))
    return thresholds, values
