"""Whether a probability is what it says: reliability curves and the expected calibration error.

Guo et al. 2017, arXiv:1706.04599: bins of equal width; the error is the mean distance of a bin's mean probability from
its share of hits, weighted by what is in it.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from oi_tasks.core.bootstrap import Counts
from oi_tasks.core.metrics import Bools

BINS = 15  # as in the paper
Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Reliability:
    """A curve of BINS points: what a bin holds, its mean probability, its share of hits. NaN for an empty bin."""

    counts: npt.NDArray[np.int64]
    said: npt.NDArray[np.float64]
    true: npt.NDArray[np.float64]

    @property
    def error(self) -> float:
        """The expected calibration error; NaN of nothing."""
        if not self.counts.sum():
            return float("nan")
        return float(np.nansum(np.abs(self.said - self.true) * self.counts) / self.counts.sum())


def reliability(probabilities: Floats, hits: Bools) -> Reliability:
    """The curve of P probabilities in [0, 1] and whether each came true."""
    bins = _bins(probabilities)
    counts = np.bincount(bins, minlength=BINS)
    with np.errstate(invalid="ignore"):
        said = np.bincount(bins, probabilities, BINS) / counts
        true = np.bincount(bins, hits, BINS) / counts
    return Reliability(counts, said, true)


def calibration_counts(
    probabilities: Floats, present: Bools, known: Bools, activation: Literal["softmax", "sigmoid"]
) -> Counts:
    """What each photo adds to each bin: its probabilities less its hits, and how many; (N, BINS, 2) from (N, C).

    Of a sigmoid every known label counts, of a softmax the likeliest class of the photos that show one class.
    """
    counted = known
    if activation == "softmax":
        likeliest = np.arange(probabilities.shape[1]) == probabilities.argmax(1)[:, None]
        counted = likeliest & (present.sum(1) == 1)[:, None]
    bins, apart = _bins(probabilities), probabilities - present
    found = np.zeros((len(probabilities), BINS, 2))
    for number in range(BINS):
        held = counted & (bins == number)
        found[:, number, 0], found[:, number, 1] = (apart * held).sum(1), held.sum(1)
    return found


def expected_error(sums: Counts) -> Counts:
    """The expected calibration error from (..., BINS, 2) sums; NaN of nothing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.abs(sums[..., 0]).sum(-1) / sums[..., 1].sum(-1))


def _bins(probabilities: Floats) -> npt.NDArray[np.int64]:
    return np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)


@dataclass(frozen=True)
class Calibration:
    """Of all known labels, and of the likeliest class of the photos that show one class."""

    labels: Reliability
    likeliest: Reliability

    def as_plain(self) -> dict[str, Any]:
        """As JSON: the error and the points of both curves; empty bins are left out."""
        return {
            name: {
                "error": None if np.isnan(curve.error) else round(curve.error, 6),
                "points": [
                    {"count": int(count), "said": round(float(said), 6), "true": round(float(true), 6)}
                    for count, said, true in zip(curve.counts, curve.said, curve.true, strict=True)
                    if count
                ],
            }
            for name, curve in vars(self).items()
        }


def calibration(probabilities: Floats, present: Bools, known: Bools) -> Calibration:
    """Both curves from (N, C) arrays."""
    single = present.sum(1) == 1
    likeliest = probabilities[single].argmax(1)
    rows = np.arange(len(likeliest))
    return Calibration(
        reliability(probabilities[known], present[known]),
        reliability(probabilities[single][rows, likeliest], present[single][rows, likeliest]),
    )
