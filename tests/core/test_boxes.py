"""Boxes found against true ones: overlaps against torchvision, matching against rules written out case by case."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import box_iou

from oi_tasks.core.boxes import iou, match


def boxes(random: np.random.Generator, count: int) -> np.ndarray:
    corners = np.sort(random.random((count, 2, 2)), axis=1)
    return corners.reshape(count, 4) + np.array([0, 0, 0.01, 0.01])


@given(st.integers(0, 10_000))
def test_overlap_is_torchvisions(seed: int) -> None:
    random = np.random.default_rng(seed)
    found, true = boxes(random, 6), boxes(random, 4)
    assert iou(found, true) == pytest.approx(box_iou(torch.tensor(found), torch.tensor(true)).numpy())


LEFT, RIGHT, ALL = (0.0, 0.0, 0.4, 1.0), (0.6, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0)
NEAR_LEFT, WITHIN_LEFT, MIDDLE = (0.0, 0.0, 0.5, 1.0), (0.1, 0.1, 0.2, 0.2), (0.35, 0.4, 0.65, 0.6)


@pytest.mark.parametrize(
    ("found", "true", "group", "outcome"),
    [
        ([], [LEFT], [False], []),
        ([LEFT], [], [], [False]),
        ([LEFT, RIGHT], [RIGHT, LEFT], [False, False], [True, True]),
        ([NEAR_LEFT, LEFT], [LEFT], [False], [True, False]),  # the better score takes it, the other is a false one
        ([LEFT], [ALL], [False], [False]),  # an overlap of 0.4
        ([WITHIN_LEFT], [LEFT], [True], [None]),  # within several objects: not judged
        ([RIGHT], [LEFT], [True], [False]),
        ([MIDDLE], [LEFT], [True], [False]),  # a sixth of it lies there
        ([LEFT, LEFT], [LEFT, ALL], [False, True], [True, None]),  # the single one first, the group then
    ],
)
def test_matching(found: list, true: list, group: list, outcome: list) -> None:
    as_array = [np.array(each, dtype=float).reshape(-1, 4) for each in (found, true)]
    assert match(*as_array, group) == outcome


@given(st.integers(0, 10_000))
def test_no_true_box_is_found_twice(seed: int) -> None:
    random = np.random.default_rng(seed)
    true = boxes(random, 5)
    found = np.concatenate([true + random.normal(0, 0.02, true.shape), true])
    group = random.random(5) < 0.3
    outcome = match(found, true, group.tolist())
    assert sum(hit is True for hit in outcome) <= int((~group).sum())
