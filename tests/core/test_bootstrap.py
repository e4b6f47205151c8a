"""The bootstrap against one written out by hand, and slices against scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from oi_tasks.core import metrics
from oi_tasks.core.bootstrap import Resamples, interval, paired
from oi_tasks.core.slices import Slice, aspect_slices, box_slices, class_slices, score_slices


def drawn_labels(seed: int, photos: int = 120, classes: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is true, what one model says, and what another says."""
    random = np.random.default_rng(seed)
    truth = random.random((photos, classes)) < 0.4
    ours = truth ^ (random.random(truth.shape) < 0.15)
    theirs = truth ^ (random.random(truth.shape) < 0.25)
    return truth, ours, theirs


@given(st.integers(1, 60), st.integers(0, 1000))
def test_a_resample_draws_as_many_photos_as_there_are(photos: int, seed: int) -> None:
    sums = Resamples(photos, seed, count=20).sums(np.ones((photos, 1)))
    assert (sums == photos).all()


def test_resampled_sums_are_those_of_the_drawn_photos_in_whatever_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.random.default_rng(1).integers(0, 50, (30, 4, 3)).astype(float)
    random = np.random.default_rng(9)
    by_hand = np.stack([counts[random.integers(0, 30, 30)].sum(0) for _ in range(50)])
    assert (Resamples(30, seed=9, count=50).sums(counts) == by_hand).all()
    monkeypatch.setattr("oi_tasks.core.bootstrap.BLOCK", 90)
    assert (Resamples(30, seed=9, count=50).sums(counts) == by_hand).all()


def test_whole_counts_are_summed_exactly_however_large() -> None:
    counts = np.random.default_rng(5).integers(2**23, 2**40, (40, 3)) | 1
    counts[:, 0] %= 2**21  # float32 holds the counts, and not their sums
    rows = np.random.default_rng(9).integers(0, 40, 40)
    expected = [sum(int(counts[row, place]) for row in rows) for place in range(3)]
    found = Resamples(40, seed=9, count=1).sums(counts.astype(float))
    assert found.tolist() == [expected]
    assert 2**24 < expected[0] < 2**27


def test_whole_counts_of_either_sign_are_summed_exactly() -> None:
    counts = np.random.default_rng(5).integers(2**19, 2**20, 4000) | 1
    counts[2000:] *= -1  # half-way there float32 holds no odd number any more
    rows = np.random.default_rng(4).integers(0, 4000, 4000)
    (found,) = Resamples(4000, seed=4, count=1).sums(counts.astype(float)[:, None])
    assert found == sum(int(counts[row]) for row in rows) < 2**24


def test_sums_are_the_same_bit_for_bit_whatever_blocks_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    counts = random.normal(0, [1e-9, 1.0, 1e6, 0.0], (500, 4))
    found = Resamples(500, count=64).sums(counts)
    draw = np.random.default_rng(0)
    rows = [draw.integers(0, 500, 500) for _ in range(64)]
    by_hand = [[math.fsum(counts[own, place]) for place in range(4)] for own in rows]
    assert (np.abs(found - by_hand) <= 500 * np.abs(counts).max(0) * 2**-45).all()
    for block, columns, threads in ((1 << 22, 256, 1), (500, 1, 5), (1700, 3, 2)):
        monkeypatch.setattr("oi_tasks.core.bootstrap.BLOCK", block)
        monkeypatch.setattr("oi_tasks.core.bootstrap.COLUMNS", columns)
        monkeypatch.setattr("oi_tasks.core.bootstrap.THREADS", threads)
        assert Resamples(500, count=64).sums(counts).tobytes() == found.tobytes()


def test_the_interval_of_a_mean_is_that_of_its_normal_law() -> None:
    values = np.random.default_rng(2).normal(5, 2, (2000, 1))
    low, high = interval(Resamples(2000).sums(values)[:, 0] / 2000)
    spread = 1.96 * values.std() / np.sqrt(2000)
    assert (low, high) == pytest.approx((values.mean() - spread, values.mean() + spread), abs=0.01)


def test_what_is_no_number_in_some_resamples_is_left_out_of_the_interval() -> None:
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]])
    low, high = interval(values)
    assert low[0] == pytest.approx(1.05)
    assert high[0] == pytest.approx(2.95)
    assert np.isnan([low[1], high[1]]).all()
    assert np.isnan(interval(np.array([np.nan, np.nan]))).all()


@pytest.mark.slow
def test_a_paired_difference_is_of_photos_drawn_together() -> None:
    truth, ours, theirs = drawn_labels(3)
    known = np.ones_like(truth)
    counts = [metrics.label_counts(said, truth, known) for said in (ours, theirs)]
    (found,) = paired(*counts, metrics.micro_f1, Resamples(len(truth), seed=4))
    scores = [sk.f1_score(truth, said, average="micro") for said in (ours, theirs)]
    assert (found.candidate, found.champion) == pytest.approx(scores)
    assert found.difference == pytest.approx(scores[0] - scores[1])
    random, by_hand = np.random.default_rng(8), []
    for _ in range(500):
        rows = random.integers(0, len(truth), len(truth))
        by_hand.append(
            sk.f1_score(truth[rows], ours[rows], average="micro")
            - sk.f1_score(truth[rows], theirs[rows], average="micro")
        )
    assert (found.low, found.high) == pytest.approx(np.percentile(by_hand, [2.5, 97.5]), abs=0.01)
    (same,) = paired(counts[0], counts[0], metrics.micro_f1, Resamples(len(truth)))
    assert (same.difference, same.low, same.high) == (0, 0, 0)


def test_slices_are_scikit_learns_numbers_of_their_labels() -> None:
    truth, ours, theirs = drawn_labels(5)
    known = np.ones_like(truth)
    classes = ("/m/dog", "/m/cat", "/m/animal", "/m/car")
    bins = ["2x1" if row % 3 else "1x1" for row in range(len(truth))]
    ancestors = {"/m/dog": ("/m/animal",), "/m/cat": ("/m/animal",)}
    slices = class_slices(classes, ("Dog", "Cat", "Animal", "Car"), ancestors, {"/m/car": "car", "/m/dog": "animal"})
    slices += aspect_slices(bins)
    labels = [metrics.label_counts(said, truth, known) for said in (ours, theirs)]
    rows = {(row["kind"], row["value"]): row for row in score_slices(slices, *labels, Resamples(len(truth)))}

    def f1(said: np.ndarray, places: object) -> float:
        return sk.f1_score(truth[places].ravel(), said[places].ravel())

    everywhere, square = slice(None), np.array(bins) == "1x1"
    for key, places in {
        ("class", "/m/cat"): (everywhere, [1]),
        ("parent", "/m/animal"): (everywhere, [0, 1, 2]),
        ("cluster", "animal"): (everywhere, [0]),
        ("aspect", "1x1"): square,
    }.items():
        row = rows[key]
        assert (row["candidate"], row["champion"]) == pytest.approx((f1(ours, places), f1(theirs, places)), abs=1e-6)
        assert row["difference"] == pytest.approx(row["candidate"] - row["champion"], abs=2e-6)
        assert row["low"] <= row["difference"] <= row["high"]
    assert rows["parent", "/m/animal"]["name"] == "Animal"
    assert rows["aspect", "1x1"]["photos"] == (square & truth.any(1)).sum()
    assert ("parent", "/m/car") not in rows


def test_the_intervals_of_slices_are_of_the_labels_of_the_drawn_photos() -> None:
    truth, ours, theirs = drawn_labels(6, photos=90)
    random = np.random.default_rng(7)
    shown, bins = random.random(truth.shape) < 0.5, random.integers(0, 2, len(truth)).astype(bool)
    places = {
        ("class", "b"): np.array([False, True, False, False]),
        ("cluster", "c"): np.array([True, False, True, False]),
        ("aspect", "d"): bins[:, None],
        ("boxes", "e"): shown,
    }
    slices = [Slice(*key, key[1], "recall" if key[0] == "boxes" else "f1", own) for key, own in places.items()]
    labels = [metrics.label_counts(said, truth, np.ones_like(truth)) for said in (ours, theirs)]
    rows = score_slices(slices, *labels, Resamples(len(truth), seed=2, count=200))
    draw = np.random.default_rng(2)
    drawn = [draw.integers(0, len(truth), len(truth)) for _ in range(200)]
    for (kind, value), row in zip(places, rows, strict=True):
        held = np.broadcast_to(places[kind, value], truth.shape)
        score = sk.recall_score if kind == "boxes" else sk.f1_score
        pairs = [
            [score(truth[own][held[own]], said[own][held[own]], zero_division=np.nan) for said in (ours, theirs)]
            for own in drawn
        ]
        own, other = np.array(pairs).T
        assert row["interval"] == pytest.approx(np.percentile(own, [2.5, 97.5]), abs=1e-6)
        assert (row["low"], row["high"]) == pytest.approx(np.percentile(own - other, [2.5, 97.5]), abs=1e-6)
        assert row["photos"] == (truth & held).any(1).sum()


def box(place: int, side: float, **flags: int) -> dict[str, object]:
    return {"class": place, "box": [0.0, 0.0, side, side], "occluded": -1, "truncated": -1, "group": -1} | flags


def test_box_slices_are_the_recall_of_labels_with_such_boxes() -> None:
    boxes = [
        [box(0, 0.05), box(1, 0.5)],  # class 0 small, class 1 large
        [box(0, 0.05, occluded=1), box(0, 0.2)],  # medium, by its largest; not occluded, as one is not
        [box(0, 0.05, occluded=1, group=1)],
        [],
    ]
    truth = np.array([[1, 1], [1, 0], [1, 0], [1, 0]], dtype=bool)
    said = np.array([[1, 0], [1, 0], [0, 1], [1, 0]], dtype=bool)
    counts = metrics.label_counts(said, truth, np.ones_like(truth))
    rows = {row["value"]: row for row in score_slices(box_slices(boxes, 2), counts, None, Resamples(4))}
    assert {value: (row["photos"], row["candidate"]) for value, row in rows.items()} == {
        "small": (2, 0.5),
        "medium": (1, 1.0),
        "large": (1, 0.0),
        "occluded": (1, 0.0),
        "group_of": (1, 0.0),
    }
    assert all(row["champion"] is None and row["low"] is None for row in rows.values())


def test_sums_of_the_same_counts_are_taken_once_and_those_of_others_are_their_own() -> None:
    drawn, random = Resamples(30, count=20), np.random.default_rng(3)
    counts = random.random((30, 2, 3))
    found = drawn.sums(counts)
    assert drawn.sums(counts) is found
    assert np.allclose(drawn.sums(counts * 2), 2 * found)
    for _ in range(50):  # an array that is gone leaves its place in memory, and must not leave its sums
        other = random.random((30, 2, 3))
        expected = np.einsum("rn,nab->rab", np.concatenate(list(drawn.weights())), other)
        assert np.allclose(drawn.sums(other), expected)
        del other
    with pytest.raises(ValueError, match="read-only"):
        found += 1
