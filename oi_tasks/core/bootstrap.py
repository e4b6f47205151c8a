"""The bootstrap over photos: resampled sums of counts, and what two models differ by on the same photos.

Efron and Tibshirani 1993, *An Introduction to the Bootstrap*, chapter 13 (percentile intervals). A photo is drawn with
all that it left behind, so that labels and boxes of one photo stay together.
"""

import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

Counts = npt.NDArray[np.float64]
Formula = Callable[[Counts], Counts]
"""Takes sums with any leading axes, (..., *rest), and gives values, (...) or (..., K)."""
RESAMPLES = 1000
BLOCK = 1 << 22  # draws that a thread has at hand as numbers: 32 MB
COLUMNS = 256  # counts of a photo that are multiplied at once: 85 MB for 41,620 photos
THREADS = 2
LEVEL = (2.5, 97.5)  # percentiles of a 95 % interval
WHOLE = 1 << 24  # up to here float32 holds every whole number
EXACT = 52  # bits of sums in float64


@dataclass(frozen=True)
class Paired:
    """A number of two models on the same photos, their difference, and the 95 % interval of that."""

    candidate: float
    champion: float
    difference: float
    low: float
    high: float


class Resamples:
    """How often each of N photos is drawn in each resample: N draws with replacement, the same for all who ask.

    THREADS share the resamples in blocks. Sums are exact, so that neither blocks nor threads change a bit of them.
    Memory: a byte for each photo and resample, and at most a third of a gigabyte while it works.
    """

    def __init__(self, photos: int, seed: int = 0, count: int = RESAMPLES) -> None:
        self.photos, self.count = photos, count
        self._made: dict[int, Counts] = {}
        random = np.random.default_rng(seed)
        self._drawn = np.empty((count, photos), dtype=np.uint8)  # nobody is drawn 256 times: Poisson of mean 1
        for resample in range(count):
            self._drawn[resample] = np.bincount(random.integers(0, max(photos, 1), photos), minlength=photos)

    def weights(self, numbers: int = 1) -> Iterator[npt.NDArray[np.uint8]]:
        """How often each photo is drawn, (some resamples, N): as many resamples as have BLOCK numbers in all."""
        step = max(1, BLOCK // max(numbers, 1))
        for start in range(0, self.count, step):
            yield self._drawn[start : start + step]

    def over(self, values: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.floating]], numbers: int) -> Counts:
        """(count, ...): what follows from the weights of each resample, (some resamples, N) to (some resamples, ...).

        `numbers` is how many a resample takes at once while it is worked on, which bounds memory. Threads take blocks
        in turn; each multiplies matrices alone, as BLAS would otherwise start its own.
        """
        with self._blas.limit(limits=1, user_api="blas"), ThreadPoolExecutor(THREADS) as pool:
            return np.concatenate(list(pool.map(values, self.weights(numbers))))

    @cached_property
    def _blas(self) -> ThreadpoolController:
        return ThreadpoolController()  # a look at every library of the process: a few milliseconds

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
        """Counts (N, *rest) summed over each resample: (count, *rest). Of the same array they are summed once.

        Whole counts are summed exactly; others in steps so small that a sum has 52 bits, and those sums exactly.
        """
        return self.once(counts, lambda: self._sums(counts))

    def _sums(self, counts: Counts) -> Counts:
        flat = counts.reshape(self.photos, -1)
        found = np.empty((self.count, flat.shape[1]))
        for start in range(0, flat.shape[1], COLUMNS):
            columns = slice(start, start + COLUMNS)
            found[:, columns] = self._exact(flat[:, columns])
        return found.reshape(self.count, *counts.shape[1:])

    def _exact(self, columns: Counts) -> Counts:
        """Sums of columns (N, K). In float32, at twice the speed, where they are of whole numbers and below WHOLE.

        Nothing is rounded before a sum of what is not negative reaches WHOLE, and from there on it cannot fall.
        """
        with np.errstate(over="ignore"):
            single = columns.astype(np.float32)
        whole = ((single == columns) & (single == np.rint(single)) & (single >= 0)).all(0)
        found = np.full((self.count, columns.shape[1]), np.inf)
        if whole.any():
            found[:, whole] = self._products(single[:, whole])
        inexact = (found >= WHOLE).any(0)
        if inexact.any():
            found[:, inexact] = self._products(_in_steps(columns[:, inexact]))
        return found

    def _products(self, columns: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        return self.over(lambda drawn: drawn.astype(columns.dtype) @ columns, self.photos)


def _in_steps(columns: Counts) -> Counts:
    """Columns (N, K) rounded to multiples of a power of two each, of which float64 adds N without an error."""
    largest = np.maximum(np.abs(columns).max(axis=0, initial=0), np.finfo(np.float64).tiny)
    steps = np.exp2(np.minimum(EXACT - np.ceil(np.log2(largest * len(columns))), 1000))
    return np.asarray(np.rint(columns * steps) / steps)


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
    ours, theirs = (formula(counts.sum(0)) for counts in (candidate, champion))
    return compared(ours, theirs, formula(resamples.sums(candidate)) - formula(resamples.sums(champion)))


def compared(ours: Counts, theirs: Counts, drawn: Counts) -> list[Paired]:
    """Numbers of two models, () or (K,), and what they differ by in each resample, (R,) or (R, K)."""
    values = [np.atleast_1d(found) for found in (ours, theirs, ours - theirs, *interval(drawn))]
    return [Paired(*map(float, found)) for found in zip(*values, strict=True)]
