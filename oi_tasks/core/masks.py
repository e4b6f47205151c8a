"""Coarse masks: boxes drawn at the stride of a segmentation model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def box_masks(boxes: Sequence[Mapping[str, Any]], classes: Sequence[int], height: int, width: int) -> NDArray[np.bool_]:
    """Masks (K, height, width) of the boxes of K classes; boxes of other classes are left out.

    `boxes` have a `class` (index) and a `box` [XMin, YMin, XMax, YMax] in [0, 1]; `height` and `width` count cells.
    A cell belongs to a box if its centre lies in it. A box that holds no centre of a row or column keeps the one that
    its own centre lies in, so that no box vanishes. A box around a group is filled like any other.
    """
    rank = {index: position for position, index in enumerate(classes)}
    masks = np.zeros((len(classes), height, width), dtype=np.bool_)
    for box in boxes:
        position = rank.get(box["class"])
        if position is not None:
            left, top, right, bottom = box["box"]
            masks[position, _cells(top, bottom, height), _cells(left, right, width)] = True
    return masks


def real_and_depicted(
    boxes: Sequence[Mapping[str, Any]], classes: Sequence[int], height: int, width: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks (K, height, width) of the boxes of objects, and of what boxes of depictions cover beyond them.

    A box is of a depiction (a drawing or a photo of the object) if its `depiction` is 1; one that was not checked for
    it (-1, or nothing) is of an object.
    """
    real = box_masks([box for box in boxes if box.get("depiction") != 1], classes, height, width)
    depicted = box_masks([box for box in boxes if box.get("depiction") == 1], classes, height, width)
    return real, depicted & ~real


def _cells(low: float, high: float, count: int) -> slice:
    """The cells of `count` whose centres lie in [low, high); the one around the middle if there is none."""
    first, last = int(np.ceil(low * count - 0.5)), int(np.ceil(high * count - 0.5))
    if first >= last:
        first = int((low + high) / 2 * count)
        last = first + 1
    first = min(max(first, 0), count - 1)
    return slice(first, min(max(last, first + 1), count))
