"""From a mask to boxes: connected components, each with its extent and score."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

AROUND = np.ones((3, 3), dtype=bool)  # cells that touch at a corner belong together


@dataclass(frozen=True)
class Component:
    """A box (XMin, YMin, XMax, YMax, normalised) and the mean probability of the cells in its component."""

    box: tuple[float, float, float, float]
    score: float
    cells: int


def components(probability: npt.NDArray[np.floating], threshold: float) -> Iterator[Component]:
    """The connected parts of a mask (height, width) where the probability reaches the threshold."""
    labels, _ = ndimage.label(probability >= threshold, structure=AROUND)
    height, width = probability.shape
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        inside = labels[place] == number
        rows, columns = place
        box = (columns.start / width, rows.start / height, columns.stop / width, rows.stop / height)
        yield Component(box, float(probability[place][inside].mean()), int(inside.sum()))
