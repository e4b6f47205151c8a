"""Classifiers of other classes and photos, on what they share: scikit-learn says the same."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from oi_tasks.errors import BadInput
from oi_tasks.io.said import Said
from oi_tasks.models.like_for_like import Shared, Trial, Truth, compare
from oi_tasks.models.saved import ModelMeta

DRAW = np.random.default_rng(7)


def trial(classes: tuple[str, ...], ids: list[str], activation: str = "sigmoid") -> Trial:
    meta = ModelMeta(
        kind="classifier",
        backbone="test_resnet",
        classes=classes,
        names=classes,
        thresholds=tuple(DRAW.uniform(0.3, 0.7, len(classes))),
        canvases={"1x1": (64, 64)},
        loss="bce",
        activation=activation,
        dataset="d",
    )
    return Trial(meta, Said(ids, DRAW.random((len(ids), len(classes)), np.float32)))


def said_of(one: Trial, label: str, ids: list[str]) -> np.ndarray:
    place = one.meta.classes.index(label)
    by_id = dict(zip(one.said.ids, one.meta.decide(one.said.probabilities)[:, place], strict=True))
    return np.array([by_id[photo] for photo in ids])


def test_shared_photos_and_classes_count_and_the_truth_is_the_given_one() -> None:
    photos = [f"photo-{number:03d}" for number in range(200)]
    truth = Truth(photos, ("/m/a", "/m/b", "/m/c"), DRAW.random((200, 3)) < 0.4, np.ones((200, 3), np.bool_))
    base = trial(("/m/a", "/m/b", "/m/c"), photos[::-1])
    other = trial(("/m/c", "/m/z", "/m/a"), photos[20:] + ["another"])
    shared, numbers_of = compare([{0: base}, {0: other}], truth)
    assert shared == Shared(180, 2)
    for one, numbers in zip((base, other), (found[0] for found in numbers_of), strict=True):
        expected = [
            f1_score(truth.present[20:, place], said_of(one, label, photos[20:]))
            for place, label in ((0, "/m/a"), (2, "/m/c"))
        ]
        assert numbers["macro_f1"] == pytest.approx(np.mean(expected))


def test_what_is_not_known_counts_nowhere_and_what_is_no_number_is_left_out() -> None:
    photos = ["one", "two", "three"]
    present = np.array([[True, False], [False, True], [True, True]])
    nothing = Truth(photos, ("/m/a", "/m/b"), present, np.zeros_like(present))
    shared, (numbers,) = compare([{5: trial(("/m/a", "/m/b"), photos)}], nothing)
    assert shared == Shared(3, 2)
    assert set(numbers[5]) == {"top1_accuracy"}


def test_trials_without_a_class_in_common_are_refused() -> None:
    truth = Truth(["one"], ("/m/a",), np.array([[True]]), np.array([[True]]))
    with pytest.raises(BadInput, match="no class in common"):
        compare([{0: trial(("/m/a",), ["one"])}, {0: trial(("/m/b",), ["one"])}], truth)


def test_it_is_read_as_it_was_written(tmp_path) -> None:
    said = trial(("/m/a", "/m/b"), ["one", "two"]).said
    said.write(tmp_path / "tune.parquet")
    found = Said.read(tmp_path / "tune.parquet")
    assert found.ids == said.ids
    assert np.array_equal(found.probabilities, said.probabilities)
    Said([], np.empty((0, 2), np.float32)).write(tmp_path / "none.parquet")
    nothing = Said.read(tmp_path / "none.parquet")
    assert (nothing.ids, nothing.probabilities.shape) == ([], (0, 2))
