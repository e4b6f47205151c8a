"""Counts of found boxes, by the size of the true ones, on photos written out one by one."""

from types import SimpleNamespace

import numpy as np
import pytest

from oi_tasks.models.box_counts import FORMULAS, BoxCounts
from oi_tasks.models.box_rules import FoundBox

CAT, DOG = 0, 1
SMALL, MEDIUM, LARGE = (0.0, 0.0, 0.05, 0.1), (0.5, 0.5, 0.75, 0.75), (0.0, 0.2, 0.5, 0.9)  # 0.5, 6.25, 35 %


class Split:
    """Four photos of cats: with boxes, with one around a group, without a cat, and with a cat nobody knows where."""

    index = SimpleNamespace(
        unverified="ignore",
        classes=[SimpleNamespace(index=CAT, label="/m/cat"), SimpleNamespace(index=DOG, label="/m/dog")],
    )

    def known(self, column: str) -> np.ndarray:
        present = np.array([[True, False], [True, False], [False, False], [True, False]])
        absent = np.array([[False, False], [False, False], [True, False], [False, False]])
        return present if column == "present" else absent

    def boxed(self) -> np.ndarray:
        return np.array([[True, False], [True, False], [False, False], [False, False]])


def true(box: tuple[float, ...], group: bool = False) -> dict:
    return {"class": CAT, "box": list(box), "group": int(group)}


def cat(box: tuple[float, ...], score: float = 0.9) -> FoundBox:
    return FoundBox("/m/cat", box, score)


def counted(*found: list[FoundBox]) -> BoxCounts:
    photos = [[true(SMALL), true(MEDIUM), true(LARGE)], [true(LARGE, group=True), true(SMALL)], [], []]
    counts = BoxCounts(Split(), [CAT, DOG])
    for row, (boxes, said) in enumerate(zip(photos, found, strict=True)):
        counts.add(row, boxes, said)
    return counts


def value(counts: BoxCounts, name: str) -> float:
    return float(FORMULAS[name](counts.numbers()[name].sum(0)))


def test_recall_goes_by_the_size_of_the_true_box() -> None:
    counts = counted([cat(LARGE), cat(MEDIUM, 0.8), cat(LARGE, 0.7)], [cat(SMALL)], [], [])
    assert counts.by_size.sum(0).tolist() == [[1, 2], [1, 1], [1, 1]]
    assert value(counts, "box_recall") == pytest.approx(3 / 4)
    assert value(counts, "box_recall_small") == pytest.approx(1 / 2)
    assert value(counts, "box_precision") == pytest.approx(3 / 4)  # a large one is found twice


def test_what_is_not_known_is_not_judged_and_a_group_is_no_true_box() -> None:
    inside = (0.1, 0.3, 0.3, 0.6)
    dog = FoundBox("/m/dog", LARGE, 0.9)
    counts = counted([dog], [cat(inside)], [cat(LARGE)], [cat(LARGE)])
    assert counts.by_size.sum(0).tolist() == [[0, 2], [0, 1], [0, 1]]
    assert counts.precision.sum((0, 1)).tolist() == [0, 1]  # the false one where no cat is
    assert counts.judged == [[(0.9, False)], []]


def test_a_size_without_a_true_box_has_no_number() -> None:
    counts = BoxCounts(Split(), [CAT])
    counts.add(0, [true(LARGE)], [cat(LARGE)])
    assert set(counts.numbers()) == {"box_recall", "box_precision", "box_recall_large"}
