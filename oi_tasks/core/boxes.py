"""Boxes found against true boxes, photo by photo."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float64]
HIT = 0.5  # IoU from which a box counts as found


def iou(found: Boxes, true: Boxes) -> npt.NDArray[np.float64]:
    """Intersection over union of each pair, (F, T), of boxes (F, 4) and (T, 4) as XMin, YMin, XMax, YMax."""
    low = np.maximum(found[:, None, :2], true[None, :, :2])
    high = np.minimum(found[:, None, 2:], true[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=2)
    return np.asarray(both / (area(found)[:, None] + area(true)[None, :] - both))


def area(boxes: Boxes) -> npt.NDArray[np.float64]:
    """Area of each box, (N,)."""
    return np.asarray(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))


def overlap_of_pairs(found: Boxes, true: Boxes) -> npt.NDArray[np.float64]:
    """Intersection over union of each box (N, 4) and its partner (N, 4); 0 where both are empty."""
    both = _shared(found, true)
    either = area(found) + area(true) - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


def share_inside(found: Boxes, true: Boxes) -> npt.NDArray[np.float64]:
    """The share of each box's area (N, 4) that lies in its partner (N, 4); 0 for an empty box."""
    both, own = _shared(found, true), area(found)
    return np.divide(both, own, out=np.zeros_like(both), where=own > 0)


def _shared(found: Boxes, true: Boxes) -> npt.NDArray[np.float64]:
    """Area that each box has in common with its partner."""
    width = np.minimum(found[:, 2], true[:, 2]) - np.maximum(found[:, 0], true[:, 0])
    height = np.minimum(found[:, 3], true[:, 3]) - np.maximum(found[:, 1], true[:, 1])
    return np.asarray(np.clip(width, 0, None) * np.clip(height, 0, None))


def assign(found: Boxes, true: Boxes) -> npt.NDArray[np.int64]:
    """(F,) the true box that each found box, by falling score, takes: the free one of largest IoU, if that reaches HIT;
    -1 for one that takes none.
    """
    taken = np.full(len(found), -1, dtype=np.int64)
    if not len(found) or not len(true):
        return taken
    overlap, free = iou(found, true), np.ones(len(true), dtype=bool)
    for place in range(len(found)):
        candidates = np.where(free, overlap[place], -1.0)
        best = int(candidates.argmax())
        if candidates[best] >= HIT:
            free[best] = False
            taken[place] = best
    return taken


def match(found: Boxes, true: Boxes, group: Sequence[bool]) -> list[bool | None]:
    """For each found box, by falling score: a hit (True), false (False), or not judged (None).

    A box is a hit if it takes a true one (`assign`). One that is none, but lies at least half in a box of several
    objects (`group`), is not judged.
    """
    several = np.asarray(group, dtype=bool)
    taken, crowds = assign(found, true[~several]), true[several]
    return [
        True if place >= 0 else None if _in_crowd(box, crowds) else False
        for box, place in zip(found, taken, strict=True)
    ]


def _in_crowd(box: Boxes, crowds: Boxes) -> bool:
    low, high = np.maximum(box[:2], crowds[:, :2]), np.minimum(box[2:], crowds[:, 2:])
    inside = np.prod(np.clip(high - low, 0, None), axis=1) / np.prod(box[2:] - box[:2])
    return bool((inside >= HIT).any())
