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


def match(found: Boxes, true: Boxes, group: Sequence[bool]) -> list[bool | None]:
    """For each found box, by falling score: a hit (True), false (False), or not judged (None).

    A box takes the free true box of largest IoU, if that reaches HIT. One that is none, but lies at least half in a box
    of several objects (`group`), is not judged.
    """
    several = np.asarray(group, dtype=bool)
    single, crowds = true[~several], true[several]
    overlap = iou(found, single) if len(single) and len(found) else np.zeros((len(found), len(single)))
    free = np.ones(len(single), dtype=bool)
    outcome: list[bool | None] = []
    for place, box in enumerate(found):
        candidates = np.where(free, overlap[place], -1.0)
        best = int(candidates.argmax()) if len(single) else -1
        if best >= 0 and candidates[best] >= HIT:
            free[best] = False
            outcome.append(True)
        else:
            outcome.append(None if _in_crowd(box, crowds) else False)
    return outcome


def _in_crowd(box: Boxes, crowds: Boxes) -> bool:
    low, high = np.maximum(box[:2], crowds[:, :2]), np.minimum(box[2:], crowds[:, 2:])
    inside = np.prod(np.clip(high - low, 0, None), axis=1) / np.prod(box[2:] - box[:2])
    return bool((inside >= HIT).any())
