"""Connected parts of a mask against a flood fill."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from oi_tasks.core.components import components, split


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


def discs(*each: tuple[float, float, float]) -> np.ndarray:
    """A mask of 28 × 28 cells of discs: row, column, radius."""
    rows, columns = np.mgrid[:28, :28]
    return np.any([(rows - row) ** 2 + (columns - column) ** 2 <= radius**2 for row, column, radius in each], axis=0)


@pytest.mark.parametrize(
    ("mask", "count"),
    [
        (discs((14, 14, 10)), 1),
        (discs((14, 8, 6), (14, 18, 6)), 2),  # two that touch
        (discs((14, 6, 5), (14, 14, 5), (14, 22, 5)), 3),
        (discs((8, 8, 6), (8, 19, 6), (19, 14, 6)), 3),
        (np.pad(np.ones((4, 24), dtype=bool), ((5, 19), (2, 2))), 1),  # long, of one width
        (discs((2, 2, 9)), 1),  # cut by the photo's border
    ],
)
def test_parts_are_split_where_they_narrow(mask: np.ndarray, count: int) -> None:
    parts = split(mask, 0.8)
    assert len(parts) == count
    assert (np.sum(parts, axis=0) == mask).all()  # each cell once
    assert len(list(components(mask.astype(float), 0.5, neck=0.8))) == count
    assert len(list(components(mask.astype(float), 0.5))) == 1


def test_the_boxes_of_touching_discs_are_theirs() -> None:
    each = [discs((14, 8, 6)), discs((14, 18, 6))]
    found = sorted(part.box for part in components(np.any(each, axis=0).astype(float), 0.5, neck=0.8))
    for part, disc in zip(found, each, strict=True):
        (own,) = components(disc.astype(float), 0.5)
        assert part == pytest.approx(own.box, abs=2.01 / 28)


@given(st.integers(0, 10_000), st.sampled_from([0.3, 0.5, 0.7, 0.9]))
def test_splitting_keeps_every_cell_in_one_connected_part(seed: int, neck: float) -> None:
    mask = np.random.default_rng(seed).random((9, 12)) < 0.6
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    for number in range(1, count + 1):
        parts = split(labels == number, neck)
        assert (np.sum(parts, axis=0) == (labels == number)).all()
        for part in parts:
            assert len(flood(part)) == 1


def test_the_peak_is_the_largest_probability() -> None:
    probability = np.zeros((4, 4))
    probability[1, 1:3] = 0.6, 0.9
    (part,) = components(probability, 0.5)
    assert (part.peak, part.score, part.cells) == (0.9, pytest.approx(0.75), 2)
