"""From a mask to boxes: connected components, split where they narrow, each with its extent and score."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

AROUND = np.ones((3, 3), dtype=bool)  # cells that touch at a corner belong together
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Component:
    """A box (XMin, YMin, XMax, YMax, normalised), the mean and the largest probability of the cells in its component,
    and how many cells these are.
    """

    box: tuple[float, float, float, float]
    score: float
    peak: float
    cells: int


def components(
    probability: npt.NDArray[np.floating], threshold: float, neck: float | None = None
) -> Iterator[Component]:
    """The connected parts of a mask (height, width) where the probability reaches the threshold.

    With a `neck`, in (0, 1), a part is split where it is narrower than that share of its widest place: see `split`.
    """
    labels, _ = ndimage.label(probability >= threshold, structure=AROUND)
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        whole = labels[place] == number
        for part in [whole] if neck is None else split(whole, neck):
            yield _component(probability, place, part)


def _component(probability: npt.NDArray[np.floating], place: tuple[slice, slice], part: Mask) -> Component:
    height, width = probability.shape
    rows, columns = (np.flatnonzero(part.any(axis=axis)).tolist() for axis in (1, 0))
    top, left = place[0].start, place[1].start
    box = (
        (left + columns[0]) / width,
        (top + rows[0]) / height,
        (left + columns[-1] + 1) / width,
        (top + rows[-1] + 1) / height,
    )
    inside = probability[place][part]
    return Component(box, float(inside.mean()), float(inside.max()), int(part.sum()))


def split(mask: Mask, neck: float) -> list[Mask]:
    """A connected mask in parts, each around a peak of the distance to the mask's edge.

    The cells whose distance reaches `neck` times the largest make cores. Several cores mean that what lies between them
    is narrower: each cell then goes to its nearest core, and each part is looked at again. Distances end at the photo's
    border as at any edge.
    """
    distance = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    cores, count = ndimage.label(distance >= neck * distance.max(), structure=AROUND)
    if count < 2:
        return [mask]
    nearest = ndimage.distance_transform_edt(cores == 0, return_distances=False, return_indices=True)
    owner = np.where(mask, cores[tuple(nearest)], 0)
    parts: list[Mask] = []
    for number in range(1, count + 1):
        pieces, pieces_count = ndimage.label(owner == number, structure=AROUND)
        for piece in range(1, pieces_count + 1):
            parts += split(pieces == piece, neck)
    return parts
