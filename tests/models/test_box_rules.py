"""From masks to boxes by rules: scores, sizes and duplicates, case by case."""

import numpy as np
import pytest

from oi_tasks.models.box_rules import BoxRules, FoundBox, boxes_of_class, without_duplicates

MASK = np.zeros((8, 8))
MASK[1:4, 1:5], MASK[2, 2], MASK[6, 6] = 0.6, 0.9, 0.7


@pytest.mark.parametrize(
    ("way", "large", "single"),
    [
        ("product", 0.5 * 0.625, 0.5 * 0.7),
        ("mask", 0.625, 0.7),
        ("class", 0.5, 0.5),
        ("peak", 0.5 * 0.9, 0.5 * 0.7),
    ],
)
def test_scores(way, large: float, single: float) -> None:
    found = boxes_of_class(MASK, 0.5, 0.5, BoxRules(score=way), "/m/a", "c")
    assert {box.box: box.score for box in found} == {
        (1 / 8, 1 / 8, 5 / 8, 4 / 8): pytest.approx(large),
        (6 / 8, 6 / 8, 7 / 8, 7 / 8): pytest.approx(single),
    }


def test_small_components_are_left_out() -> None:
    assert len(boxes_of_class(MASK, 0.5, 1.0, BoxRules(min_cells=12), "/m/a", "c")) == 1
    assert boxes_of_class(MASK, 0.5, 1.0, BoxRules(min_cells=13), "/m/a", "c") == []


LEFT, NEARLY_LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.0, 0.0, 0.45, 1.0), (0.5, 0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("boxes", "overlap", "kept"),
    [
        ([("/m/a", LEFT, 0.5, "c"), ("/m/b", NEARLY_LEFT, 0.9, "d")], 0.8, [1]),  # one thing by two clusters
        ([("/m/a", LEFT, 0.5, "c"), ("/m/b", NEARLY_LEFT, 0.9, "d")], 1.0, [1, 0]),
        ([("/m/a", LEFT, 0.5, "c"), ("/m/b", NEARLY_LEFT, 0.9, "c")], 0.8, [1, 0]),  # a fish, and what kind of fish
        ([("/m/a", LEFT, 0.5, "c"), ("/m/a", NEARLY_LEFT, 0.9, "c")], 0.8, [1]),
        ([("/m/a", LEFT, 0.5, "c"), ("/m/b", RIGHT, 0.9, "d")], 0.1, [1, 0]),
        ([("/m/a", LEFT, 0.5, "c")], 0.1, [0]),
        ([], 0.1, []),
    ],
)
def test_one_thing_is_named_once(boxes: list, overlap: float, kept: list[int]) -> None:
    given = [FoundBox(*box) for box in boxes]
    assert without_duplicates(given, overlap) == [given[place] for place in kept]
