"""Numbers against scikit-learn, and intervals against resampling by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from oi_tasks.core import metrics
from oi_tasks.core.bootstrap import paired


def drawn(seed: int, photos: int = 60, classes: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.random((photos, classes)) < 0.3
    truth[0] = True  # each class stands on a photo
    probabilities = np.clip(0.4 * truth + random.random((photos, classes)) * 0.7, 0, 1)
    return probabilities, truth, random.uniform(0.3, 0.7, classes)


@given(st.integers(0, 10_000))
def test_f1_is_scikit_learns(seed: int) -> None:
    probabilities, truth, thresholds = drawn(seed)
    said = probabilities >= thresholds
    sums = metrics.label_counts(probabilities >= thresholds, truth, np.ones_like(truth)).sum(0)
    assert metrics.f1_by_class(sums) == pytest.approx(sk.f1_score(truth, said, average=None, zero_division=0))
    assert metrics.macro_f1(sums) == pytest.approx(sk.f1_score(truth, said, average="macro", zero_division=0))
    assert metrics.micro_f1(sums) == pytest.approx(sk.f1_score(truth, said, average="micro", zero_division=0))


def test_what_is_unknown_counts_nowhere() -> None:
    probabilities, truth, thresholds = drawn(1)
    known = np.random.default_rng(2).random(truth.shape) < 0.5
    sums = metrics.label_counts(probabilities >= thresholds, truth, known).sum(0)
    said = probabilities >= thresholds
    for place in range(truth.shape[1]):
        rows = known[:, place]
        expected = sk.f1_score(truth[rows, place], said[rows, place], zero_division=0)
        assert metrics.f1_by_class(sums)[place] == pytest.approx(expected)


def test_a_class_without_a_photo_has_no_part_in_the_mean() -> None:
    sums = np.array([[4.0, 5.0, 5.0], [0.0, 3.0, 0.0]])
    assert metrics.macro_f1(sums) == pytest.approx(0.8)
    assert np.isnan(metrics.macro_f1(np.zeros((2, 3))))


def _envelope_area(scores: np.ndarray, hits: np.ndarray, positives: int) -> float:
    """Average precision read off the curve point by point."""
    order = np.argsort(-scores, kind="stable")
    recalls, precisions, right = [0.0], [], 0
    for rank, place in enumerate(order, start=1):
        right += bool(hits[place])
        recalls.append(right / positives)
        precisions.append(right / rank)
    return sum((recalls[rank + 1] - recalls[rank]) * max(precisions[rank:]) for rank in range(len(precisions)))


@given(st.integers(0, 10_000))
def test_average_precision_is_the_area_under_the_envelope(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, hits = random.random(40), random.random(40) < 0.4
    positives = int(hits.sum()) + 3
    found = metrics.average_precision(scores, hits, positives)
    assert found == pytest.approx(_envelope_area(scores, hits, positives))
    if hits.any():  # scikit-learn takes the steps without the envelope, which is never above it
        assert (
            metrics.average_precision(scores, hits, int(hits.sum())) >= sk.average_precision_score(hits, scores) - 1e-9
        )


def test_average_precision_of_nothing() -> None:
    nothing = np.zeros(0), np.zeros(0, dtype=bool)
    assert np.isnan(metrics.average_precision(*nothing, positives=0))
    assert metrics.average_precision(*nothing, positives=4) == 0


def test_top1_judges_photos_of_one_class_only() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.5], [0.7, 0.1]])
    truth = np.array([[1, 0], [1, 0], [1, 1], [0, 0]], dtype=bool)
    assert metrics.ratio(metrics.top1_counts(probabilities, truth).sum(0)) == 0.5


def test_mean_iou_is_of_summed_counts_and_not_of_photos_means() -> None:
    counts = np.array([[[9.0, 10.0]], [[0.0, 90.0]]])
    assert metrics.mean_ratio(counts.sum(0)) == pytest.approx(0.09)


def test_an_interval_is_the_spread_of_resampled_photos() -> None:
    probabilities, truth, thresholds = drawn(3, photos=200)
    counts = metrics.label_counts(probabilities >= thresholds, truth, np.ones_like(truth))
    found = metrics.with_interval(counts, metrics.macro_f1, metrics.resamples(200, seed=1))
    random = np.random.default_rng(7)
    by_hand = [
        sk.f1_score(truth[rows], (probabilities >= thresholds)[rows], average="macro", zero_division=0)
        for rows in random.integers(0, 200, (400, 200))
    ]
    low, high = np.percentile(by_hand, [2.5, 97.5])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.012)
    assert found.low < found.value < found.high


def test_a_paired_difference_is_tighter_than_two_intervals() -> None:
    probabilities, truth, thresholds = drawn(4, photos=200)
    known = np.ones_like(truth)
    ours = metrics.label_counts(probabilities >= thresholds, truth, known)
    theirs = metrics.label_counts(np.where(truth, probabilities - 0.05, probabilities) >= thresholds, truth, known)
    weights = metrics.resamples(200)
    (difference,) = paired(ours, theirs, metrics.macro_f1, weights)
    one = metrics.with_interval(ours, metrics.macro_f1, weights)
    other = metrics.with_interval(theirs, metrics.macro_f1, weights)
    assert difference.difference == pytest.approx(one.value - other.value)
    assert difference.high - difference.low < (one.high - one.low) / 2
    (same,) = paired(ours, ours, metrics.macro_f1, weights)
    assert (same.difference, same.low, same.high) == (0, 0, 0)


def test_what_is_no_number_is_null() -> None:
    found = metrics.as_plain({"iou": metrics.Number(float("nan"), float("nan"), 0.1234567)})
    assert found == {"iou": {"value": None, "low": None, "high": 0.123457}}
