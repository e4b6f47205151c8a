"""Confusion, trend and calibration against scikit-learn, scipy and sums written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import theilslopes
from sklearn import metrics as sk

from oi_tasks.core import confusion
from oi_tasks.core.calibration import BINS, calibration, calibration_counts, expected_error, reliability

ANCESTORS = {
    "/m/bird": ("/m/animal",),
    "/m/owl": ("/m/bird", "/m/animal"),
    "/m/hen": ("/m/bird", "/m/animal"),
    "/m/cat": ("/m/mammal", "/m/animal"),
    "/m/girl": ("/m/01g317",),
}


def drawn(seed: int, photos: int = 200, classes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    true = random.integers(0, classes, photos)
    probabilities = random.dirichlet(np.ones(classes), photos) + 0.3 * (np.arange(classes) == true[:, None])
    return probabilities / probabilities.sum(1, keepdims=True), np.arange(classes) == true[:, None]


@given(st.integers(0, 1000))
def test_confusion_is_scikit_learns_over_photos_of_one_class(seed: int) -> None:
    probabilities, present = drawn(seed)
    present[:20, :2] = True  # two classes, or more: left out
    single = present.sum(1) == 1
    expected = sk.confusion_matrix(present[single].argmax(1), probabilities[single].argmax(1), labels=range(6))
    assert (confusion.confusion(probabilities, present) == expected).all()


def test_pairs_are_the_wrong_photos_and_how_their_classes_are_kin() -> None:
    classes = ("/m/bird", "/m/owl", "/m/hen", "/m/cat", "/m/girl")
    counts = np.array([[9, 1, 0, 0, 0], [0, 6, 3, 1, 0], [0, 0, 8, 0, 0], [0, 0, 0, 9, 2], [0] * 5])
    pairs = confusion.confused_pairs(counts, classes, ANCESTORS)
    assert [(pair.true, pair.said, pair.photos, pair.relation) for pair in pairs] == [
        (1, 2, 3, "siblings"),
        (3, 4, 2, "unrelated"),
        (0, 1, 1, "parent and child"),
        (1, 3, 1, "same family"),
    ]
    assert pairs[0].share == pytest.approx(0.3)


def test_the_trend_is_scipys_and_a_class_far_below_it_is_strange() -> None:
    photos = np.array([10, 30, 100, 200, 400, 1000, 50, 0])
    f1 = np.array([0.70, 0.755, 0.80, 0.82, 0.855, 0.90, 0.2, np.nan])
    found = confusion.trend(photos, f1)
    assert found is not None
    slope, *_ = theilslopes(f1[:7], np.log10(photos[:7]))
    assert found.slope == pytest.approx(slope)
    assert found.strange.tolist() == [False] * 6 + [True, False]
    assert np.isnan(found.residuals[7])
    assert confusion.trend(photos[:2], f1[:2]) is None


def test_people_and_clothes_are_human() -> None:
    assert confusion.is_human("/m/girl", ANCESTORS)
    assert confusion.is_human("/m/09j2d", {})
    assert not confusion.is_human("/m/owl", ANCESTORS)


def test_classes_on_the_same_photo_and_how_much_more_often_than_chance() -> None:
    present = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1]], dtype=bool)
    assert confusion.together(present) == [(0, 1, 2, pytest.approx(2 * 4 / (3 * 2)))]


def test_distances_are_zero_to_itself_and_less_for_kin_and_for_what_is_confused() -> None:
    counts = np.array([[5, 5, 0], [0, 10, 0], [0, 0, 10]])
    found = confusion.confusion_distances(counts)
    assert found.tolist() == [[0, 0.75, 1], [0.75, 0, 1], [1, 1, 0]]
    kin = confusion.hierarchy_distances(("/m/owl", "/m/hen", "/m/cat"), ANCESTORS)
    assert kin[0, 1] == pytest.approx(1 - 2 / 4)
    assert kin[0, 2] == pytest.approx(1 - 1 / 5)
    assert (np.diag(kin) == 0).all()


@given(st.integers(0, 1000))
def test_the_calibration_error_is_the_weighted_mean_distance_of_its_bins(seed: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.random(300)
    hits = random.random(300) < probabilities**2
    expected = 0.0
    for place in range(BINS):
        held = (probabilities >= place / BINS) & (probabilities < (place + 1) / BINS)
        if held.any():
            expected += held.mean() * abs(probabilities[held].mean() - hits[held].mean())
    assert reliability(probabilities, hits).error == pytest.approx(expected)


def test_what_is_perfectly_calibrated_has_no_error_and_unknown_labels_do_not_count() -> None:
    probabilities, present = drawn(3)
    known = np.zeros_like(present)
    found = calibration(probabilities, present, known)
    assert np.isnan(found.labels.error)
    assert found.as_plain()["labels"] == {"error": None, "points": []}
    right = np.ones((40, 1), dtype=bool)
    assert calibration(np.ones((40, 1)), right, right).likeliest.error == 0
    assert reliability(np.array([0.5] * 10), np.arange(10) < 5).error == 0


@given(st.integers(0, 1000), st.sampled_from(["sigmoid", "softmax"]))
def test_the_calibration_error_of_summed_counts_is_that_of_a_plain_loop(seed: int, activation: str) -> None:
    probabilities, present = drawn(seed, photos=80)
    random = np.random.default_rng(seed)
    present[:20, :2] = True  # two classes, or more
    known = random.random(present.shape) < 0.7
    weights = random.integers(0, 3, len(present))  # how often a resample draws each photo
    bins: dict[int, list[tuple[float, bool]]] = {}
    for photo, row in enumerate(probabilities):
        judged = [place for place in range(len(row)) if known[photo, place]]
        if activation == "softmax":
            judged = [int(np.argmax(row))] if present[photo].sum() == 1 else []
        for place in judged:
            pair = (float(row[place]), bool(present[photo, place]))
            bins.setdefault(min(int(row[place] * 15), 14), []).extend([pair] * int(weights[photo]))
    total = sum(len(held) for held in bins.values())
    expected = sum(abs(sum(said - hit for said, hit in held)) for held in bins.values()) / total
    counts = calibration_counts(probabilities, present, known, activation)
    assert expected_error((counts * weights[:, None, None]).sum(0)) == pytest.approx(expected)
    curves = calibration(probabilities, present, known)
    curve = curves.likeliest if activation == "softmax" else curves.labels
    assert expected_error(counts.sum(0)) == pytest.approx(curve.error)  # what the page of errors shows
