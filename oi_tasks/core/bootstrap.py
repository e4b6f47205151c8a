"""The bootstrap over photos: resampled sums of counts, and what two models differ by on the same photos.

Efron and Tibshirani 1993, *An Introduction to the Bootstrap*, chapter 13 (percentile intervals). A photo is drawn with
all that it left behind, so that labels and boxes of one photo stay together.
"""

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]
Formula = Callable[[Counts], Counts]
"""Takes sums with any leading axes, (..., *rest), and gives values, (...) or (..., K)."""
RESAMPLES = 1000
BLOCK = 1 << 22  # draws turned into floats at once: 32 MB
LEVEL = (2.5, 97.5)  # percentiles of a 95 % interval


@dataclass(frozen=True)
class Paired:
    """A number of two models on the same photos, their difference, and the 95 % interval of that."""

    candidate: float
    champion: float
    difference: float
    low: float
    high: float


class Resamples:
    """How often each of N photos is drawn in each resample: N draws with replacement, the same for all who ask."""

    def __init__(self, photos: int, seed: int = 0, count: int = RESAMPLES) -> None:
        self.photos, self.count = photos, count
        self._made: dict[int, Counts] = {}
        random = np.random.default_rng(seed)
        self._drawn = np.empty((count, photos), dtype=np.uint8)  # nobody is drawn 256 times: Poisson of mean 1
        for resample in range(count):
            self._drawn[resample] = np.bincount(random.integers(0, max(photos, 1), photos), minlength=photos)

    def weights(self) -> Iterator[Counts]:
        """How often each photo is drawn, (some resamples, N), a block of resamples at a time."""
        step = max(1, BLOCK // max(self.photos, 1) // 8)
        for start in range(0, self.count, step):
            yield self._drawn[start : start + step].astype(np.float64)

    def once(self, of: object, make: Callable[[], Counts]) -> Counts:
        """What is made of something for all resamples: made once as long as that, which must not change, is held."""
        key = id(of)
        if key not in self._made:
            made = make()
            made.flags.writeable = False
            self._made[key] = made
            weakref.finalize(of, self._made.pop, key, None)
        return self._made[key]

    def sums(self, counts: Counts) -> Counts:
        """Counts (N, *rest) summed over each resample: (count, *rest). Of the same array they are summed once."""
        return self.once(counts, lambda: self._sums(counts))

    def _sums(self, counts: Counts) -> Counts:
        flat = np.ascontiguousarray(counts.reshape(self.photos, -1), dtype=np.float64)
        found = np.empty((self.count, flat.shape[1]))
        step = max(1, BLOCK // max(self.photos, 1))
        for start in range(0, self.count, step):
            found[start : start + step] = self._drawn[start : start + step].astype(np.float64) @ flat
        return found.reshape(self.count, *counts.shape[1:])


def interval(values: Counts) -> tuple[Counts, Counts]:
    """Ends of the percentile interval of resampled values (R, ...), each (...). NaN resamples are left out."""
    known = ~np.isnan(values)
    if known.all():
        low, high = np.percentile(values, LEVEL, axis=0)
        return low, high
    ends = np.full((2, *values.shape[1:]), np.nan)
    some = known.any(axis=0)
    ends[:, some] = np.nanpercentile(values[:, some], LEVEL, axis=0)
    return ends[0], ends[1]


def paired(candidate: Counts, champion: Counts, formula: Formula, resamples: Resamples) -> list[Paired]:
    """A number, or K numbers, of two models from their counts on the same photos (N, *rest), resampled together."""
    ours, theirs = (np.atleast_1d(formula(counts.sum(0))) for counts in (candidate, champion))
    drawn = formula(resamples.sums(candidate)) - formula(resamples.sums(champion))
    low, high = (np.atleast_1d(end) for end in interval(drawn))
    return [Paired(*map(float, found)) for found in zip(ours, theirs, ours - theirs, low, high, strict=True)]
