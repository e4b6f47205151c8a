"""Connected parts of a mask against a flood fill."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oi_tasks.core.components import components


def flood(mask: np.ndarray) -> list[set[tuple[int, int]]]:
    """The parts of a mask, cells that touch at a corner together, by walking."""
    left = set(zip(*(axis.tolist() for axis in np.nonzero(mask)), strict=True))
    parts = []
    while left:
        edge, part = [left.pop()], set()
        while edge:
            row, column = edge.pop()
            part.add((row, column))
            near = {(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & left
            left -= near
            edge += near
        parts.append(part)
    return parts


@given(st.integers(0, 10_000))
def test_parts_boxes_and_scores(seed: int) -> None:
    probability = np.random.default_rng(seed).random((7, 11))
    expected = []
    for part in flood(probability >= 0.7):
        rows, columns = zip(*part, strict=True)
        box = (min(columns) / 11, min(rows) / 7, (max(columns) + 1) / 11, (max(rows) + 1) / 7)
        expected.append((box, len(part), np.mean([probability[cell] for cell in part])))
    found = [(part.box, part.cells, part.score) for part in components(probability, 0.7)]
    assert len(found) == len(expected)
    for (box, cells, score), (true_box, true_cells, true_score) in zip(sorted(found), sorted(expected), strict=True):
        assert box == pytest.approx(true_box)
        assert (cells, score) == (true_cells, pytest.approx(true_score))


def test_an_empty_mask_has_no_part() -> None:
    assert list(components(np.zeros((4, 4)), 0.5)) == []
