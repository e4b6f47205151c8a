"""Masks against a cell-by-cell drawing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oi_tasks.core.masks import box_masks, real_and_depicted


def by_hand(box: list[float], height: int, width: int) -> np.ndarray:
    """The cells whose centres lie in the box."""
    left, top, right, bottom = box
    mask = np.zeros((height, width), dtype=bool)
    for row in range(height):
        for column in range(width):
            mask[row, column] = left <= (column + 0.5) / width < right and top <= (row + 0.5) / height < bottom
    return mask


corner = st.integers(0, 63)


@given(corner, corner, st.integers(8, 64), st.integers(8, 64))
def test_a_box_covers_the_cells_whose_centres_it_holds(left: int, top: int, wide: int, high: int) -> None:
    box = [left / 64, top / 64, min(left + wide, 64) / 64, min(top + high, 64) / 64]
    found = box_masks([{"class": 4, "box": box}], [9, 4], 16, 8)
    expected = by_hand(box, 16, 8)
    if expected.any():
        assert (found[1] == expected).all()
    assert found[1].any()
    assert not found[0].any()


@pytest.mark.parametrize("place", [0.0, 0.5, 0.97, 0.999])
def test_no_box_vanishes_however_small(place: float) -> None:
    box = [place, place, place + 0.001, place + 0.001]
    assert box_masks([{"class": 0, "box": box}], [0], 8, 8).sum() == 1


def test_classes_are_drawn_apart_and_boxes_of_others_left_out() -> None:
    boxes = [
        {"class": 1, "box": [0, 0, 1, 1]},
        {"class": 2, "box": [0, 0, 0.5, 1]},
        {"class": 1, "box": [0.5, 0, 1, 1]},
        {"class": 7, "box": [0, 0, 1, 1]},
    ]
    found = box_masks(boxes, [1, 2], 4, 4)
    assert found[0].all()
    assert found[1].sum() == 8
    assert not box_masks([], [1, 2], 4, 4).any()


def test_a_depiction_is_apart_where_no_object_of_its_class_lies() -> None:
    boxes = [
        {"class": 0, "box": [0, 0, 0.5, 1], "depiction": 0},
        {"class": 0, "box": [0.25, 0, 0.75, 1], "depiction": 1},
        {"class": 1, "box": [0.5, 0, 1, 1], "depiction": -1},  # nobody looked: an object
        {"class": 1, "box": [0, 0, 0.25, 1]},
        {"class": 7, "box": [0, 0, 1, 1], "depiction": 1},
    ]
    real, depicted = real_and_depicted(boxes, [0, 1], 1, 4)
    assert real[:, 0].tolist() == [[True, True, False, False], [True, False, True, True]]
    assert depicted[:, 0].tolist() == [[False, False, True, False], [False] * 4]
    assert ((real | depicted) == box_masks(boxes, [0, 1], 1, 4)).all()
