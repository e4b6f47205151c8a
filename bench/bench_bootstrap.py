"""The paired bootstrap of a whole test split against drawing the photos of each resample and summing them."""

import time
from collections.abc import Iterator

import numpy as np

from bench.measure import Figure, ratio
from oi_tasks.core.bootstrap import Counts, Resamples, paired
from oi_tasks.core.metrics import label_counts, macro_f1

PHOTOS, CLASSES = 41_620, 76  # of the validation split, and of the article
FEW = 20  # resamples for the ratio; all take the same time


def figures() -> Iterator[Figure]:
    """CPU seconds of 1,000 resamples of two models' macro F1, and how many times a plain loop takes."""
    random = np.random.default_rng(0)
    truth = random.random((PHOTOS, CLASSES)) < 0.03
    known = np.ones_like(truth)
    ours, theirs = (label_counts(truth ^ (random.random(truth.shape) < rate), truth, known) for rate in (0.01, 0.012))
    began = time.process_time()
    paired(ours, theirs, macro_f1, Resamples(PHOTOS))
    what = f"1,000 resamples of {PHOTOS:,} photos and {CLASSES} classes, two models"
    yield Figure("bootstrap_cpu_seconds", time.process_time() - began, 10, False, "s", what)
    speed = ratio(lambda: plain(ours, theirs), lambda: paired(ours, theirs, macro_f1, Resamples(PHOTOS, count=FEW)))
    yield Figure("bootstrap", speed, 3, True, "x", "a loop that takes the rows of each resample and sums them")


def plain(ours: Counts, theirs: Counts) -> list[float]:
    """Differences of FEW resamples, each by its rows."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(FEW):
        rows = random.integers(0, PHOTOS, PHOTOS)
        found.append(float(macro_f1(ours[rows].sum(0)) - macro_f1(theirs[rows].sum(0))))
    return found
