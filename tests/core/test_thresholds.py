"""Thresholds against trying every one of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_recall_fscore_support

from oi_tasks.core.thresholds import (
    DOUBT,
    FEW,
    MaskCounts,
    best_f1_threshold,
    box_thresholds,
    f1_by_class,
    f1_thresholds,
)


def drawn(seed: int, photos: int = 50) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    present = random.random(photos) < 0.4
    present[0] = True
    return np.round(np.clip(0.3 * present + 0.7 * random.random(photos), 0, 1), 2).astype(np.float32), present


@pytest.mark.slow
@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_no_threshold_reaches_a_larger_f1(seed: int) -> None:
    probabilities, present = drawn(seed)
    chosen = f1_score(present, probabilities >= best_f1_threshold(probabilities, present))
    best = max(f1_score(present, probabilities >= threshold) for threshold in np.linspace(0, 1, 201))
    assert chosen == pytest.approx(best)


def test_a_class_with_few_photos_takes_the_threshold_of_all() -> None:
    probabilities, present = (
        np.stack(each, axis=1) for each in zip(*(drawn(seed, 200) for seed in range(3)), strict=True)
    )
    present[:, 2] = False
    present[: FEW - 1, 2] = True
    known = np.ones_like(present)
    found = f1_thresholds(probabilities, present, known)
    assert found[2] == best_f1_threshold(probabilities.ravel(), present.ravel())
    assert found[0] == best_f1_threshold(probabilities[:, 0], present[:, 0])


def test_what_is_unknown_sets_no_threshold() -> None:
    probabilities, present = drawn(1, 100)
    both, truth = np.stack([probabilities] * 2, axis=1), np.stack([present] * 2, axis=1)
    known = np.ones_like(truth)
    known[60:, 0] = False
    truth[60:, 0] ^= True
    found = f1_thresholds(both, truth, known)
    assert found[0] == best_f1_threshold(probabilities[:60], present[:60])
    f1 = f1_by_class(both >= found, truth, known)
    assert f1[0] == pytest.approx(f1_score(present[:60], probabilities[:60] >= found[0]))


def test_nothing_present_is_one_half() -> None:
    assert best_f1_threshold(np.array([0.2, 0.9], dtype=np.float32), np.zeros(2, dtype=bool)) == 0.5


@given(st.integers(0, 10_000))
def test_mask_thresholds_are_the_best_of_all_that_are_tried_drawn_to_one_half(seed: int) -> None:
    random = np.random.default_rng(seed)
    targets = random.random((4, 2, 5, 6)) < 0.4
    targets[0, :, 0, 0] = True
    probabilities = np.clip(0.3 * targets + 0.7 * random.random(targets.shape), 0, 0.999).astype(np.float32)
    known = random.random((4, 2)) < 0.7
    known[0] = True
    counts = MaskCounts(2)
    for half in (slice(0, 2), slice(2, 4)):
        counts.add(probabilities[half], targets[half], known[half, :, None, None])
    thresholds, iou = counts.best()
    for place in range(2):
        rows = known[:, place]
        true, said = targets[rows, place], probabilities[rows, place]

        def reached(threshold: float, true: np.ndarray = true, said: np.ndarray = said) -> float:
            # the counts are by steps of 1/200: compare steps, as a float is not its step's own number
            there = (said * 200).astype(int) >= round(threshold * 200)
            return (there & true).sum() / (there | true).sum()

        assert iou[place] == pytest.approx(reached(thresholds[place]))
        best = max(range(200), key=lambda step: reached(step / 200))
        photos = int(true.any(axis=(1, 2)).sum())
        assert thresholds[place] * 200 == pytest.approx(round((photos * best + DOUBT * 100) / (photos + DOUBT)))
        cells = (said * 200).astype(int).ravel() >= round(thresholds[place] * 200)
        numbers = precision_recall_fscore_support(true.ravel(), cells, average="binary")
        found = counts.at(thresholds)
        assert (found["precision"][place], found["recall"][place], found["dice"][place]) == pytest.approx(numbers[:3])


def test_a_class_in_no_photo_has_no_score_and_the_threshold_of_the_others() -> None:
    counts = MaskCounts(2)
    targets = np.zeros((1, 2, 2, 2), dtype=bool)
    targets[0, 0, 0] = True
    counts.add(np.where(targets, 0.8, 0.1).astype(np.float32), targets, np.ones((1, 2, 1, 1), dtype=bool))
    thresholds, iou = counts.best()
    assert np.isnan(iou[1])
    assert thresholds[1] == thresholds[0]


def test_cells_that_are_unknown_count_nowhere() -> None:
    random = np.random.default_rng(4)
    probabilities = random.random((3, 2, 4, 4)).astype(np.float32)
    targets, known = random.random((2, *probabilities.shape)) < 0.5
    known[0, 0] = False
    targets[:2, 0] &= ~known[:2, 0]  # class 0 is in photo 2 alone, as far as is known
    targets[2, 0, 0, 0] = known[2, 0, 0, 0] = True
    counts, other = MaskCounts(2), MaskCounts(2)
    counts.add(probabilities, targets, known)
    other.add(np.where(known, probabilities, 1 - probabilities), targets ^ ~known, known)
    assert counts.photos.tolist()[0] == 1
    assert counts.inside.sum(1).tolist() == (targets & known).sum((0, 2, 3)).tolist()
    assert counts.outside.sum(1).tolist() == (~targets & known).sum((0, 2, 3)).tolist()
    assert (counts.inside == other.inside).all()
    assert (counts.outside == other.outside).all()
    assert (counts.photos == other.photos).all()


def test_many_photos_leave_the_best_threshold_where_it_is() -> None:
    counts = MaskCounts(1)
    targets = np.zeros((1, 1, 2, 2), dtype=bool)
    targets[0, 0, 0] = True
    for _ in range(3000):
        counts.add(np.where(targets, 0.2, 0.1).astype(np.float32), targets, np.ones((1, 1, 1, 1), dtype=bool))
    thresholds, iou = counts.best()
    assert thresholds[0] == pytest.approx(0.105, abs=0.006)
    assert iou[0] == 1.0


def test_thresholds_of_boxes_count_the_true_ones_that_nothing_found() -> None:
    random = np.random.default_rng(2)
    often = [(float(score), bool(random.random() < score)) for score in np.round(random.random(200), 2)]
    rare = [(0.3, True), (0.1, False)]
    there = [150, FEW - 1]

    def f1(found: list[tuple[float, bool]], threshold: float, boxes: int) -> float:
        said = [hit for score, hit in found if score >= threshold]
        return 2 * sum(said) / (len(said) + boxes)

    first, second = box_thresholds([often, rare], there)
    for found, threshold, boxes in ((often, first, 150), (often + rare, second, sum(there))):
        best = max(f1(found, tried, boxes) for tried in np.arange(0, 1.01, 0.005))
        assert f1(found, threshold, boxes) == pytest.approx(best)
    assert box_thresholds([[], []], [0, 30]) == [0.5, 0.5]
