"""Numbers from counts: every photo leaves counts, numbers come from their sums, intervals from resampled sums.

A mean of per-photo values is a different number; nothing here takes one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from oi_tasks.core.bootstrap import RESAMPLES, Counts, Formula, Paired, Resamples, interval

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Number:
    """A number and its 95 % bootstrap interval over photos."""

    value: float
    low: float
    high: float


def resamples(photos: int, seed: int = 0, count: int = RESAMPLES) -> Resamples:
    """The ordinary bootstrap over that many photos."""
    return Resamples(photos, seed, count)


def with_interval(counts: Counts, number: Formula, drawn: Resamples) -> Number:
    """A number of summed counts (photos first), and the percentile interval of its resamples."""
    low, high = interval(number(drawn.sums(counts)))
    return Number(float(number(counts.sum(0))), float(low), float(high))


def label_counts(said: Bools, truth: Bools, known: Bools) -> Counts:
    """Per photo and class: said and true, said, true; unknown labels count nowhere. (N, C, 3) from (N, C) arrays."""
    said = said & known
    true = truth & known
    return np.stack([said & true, said, true], axis=-1).astype(float)


def f1_by_class(sums: Counts) -> Counts:
    """F1 of each class from (..., C, 3) sums; NaN for a class without a true photo."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values = 2 * sums[..., 0] / (sums[..., 1] + sums[..., 2])
    return np.where(sums[..., 2] > 0, values, np.nan)


def macro_f1(sums: Counts) -> Counts:
    """Mean F1 over the classes that stand on a photo."""
    return _mean_of_known(f1_by_class(sums))


def micro_f1(sums: Counts) -> Counts:
    """F1 of all labels of all classes taken together."""
    both, said, true = (sums[..., place].sum(-1) for place in range(3))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * both / (said + true))


def ratio(sums: Counts) -> Counts:
    """First count over second, over all rows of (..., R, 2) sums: accuracy, recall, precision."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0].sum(-1) / sums[..., 1].sum(-1))


def mean_ratio(sums: Counts) -> Counts:
    """Mean over rows of first count over second, (..., R, 2): mean IoU over classes. Rows of no count are left out."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values = sums[..., 0] / sums[..., 1]
    return _mean_of_known(np.where(sums[..., 1] > 0, values, np.nan))


def _mean_of_known(values: Counts) -> Counts:
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(known, values, 0).sum(-1) / known.sum(-1))


def top1_counts(probabilities: npt.NDArray[np.floating[Any]], truth: Bools) -> Counts:
    """Per photo of one class: right, judged; (N, 1, 2). Other photos count nowhere."""
    single = truth.sum(1) == 1
    right = probabilities.argmax(1) == truth.argmax(1)
    return np.stack([right & single, single], axis=-1).astype(float)[:, None, :]


def average_precision(scores: npt.NDArray[np.floating[Any]], hits: Bools, positives: int) -> float:
    """Area under the precision envelope (all points), NaN without a positive; scores and hits are (P,)."""
    if positives == 0:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    true = np.cumsum(hits[order])
    precision = true / np.arange(1, len(order) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    recall = np.concatenate([[0.0], true / positives])
    return float(np.sum(np.diff(recall) * envelope))


def as_plain(numbers: Mapping[str, Number | Paired]) -> dict[str, dict[str, float | None]]:
    """Numbers by name as JSON, each by its fields; what is not a number is null."""
    return {
        name: {key: None if np.isnan(value) else round(value, 6) for key, value in vars(number).items()}
        for name, number in numbers.items()
    }
