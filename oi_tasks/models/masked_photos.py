"""Photos of a split to look at: true masks beside those of a cascade, where they differ most and where least."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oi_tasks.core.masks import box_masks
from oi_tasks.io.shards import ShardReader
from oi_tasks.models.box_counts import knows_where
from oi_tasks.models.cascade import Cascade

WORST, BEST = 9, 3  # photos
CELLS = ("cells_both", "cells_either")


@dataclass(frozen=True)
class MaskedPhoto:
    """A photo with its masks, of all classes together, cell by cell."""

    id: str
    jpeg: bytes
    names: tuple[str, ...]
    """The classes that it shows."""
    iou: float
    true: NDArray[np.bool_]
    """(h, w)"""
    said: NDArray[np.bool_]


def rows_to_look_at(photos: Sequence[Mapping[str, Any]]) -> list[int]:
    """Places of photos in their table: the least overlap first, then the largest overlap."""
    cells = np.array([[sum(one[name] for one in photo["masks"]) for name in CELLS] for photo in photos], dtype=float)
    places = np.flatnonzero(cells[:, 1]) if len(cells) else np.array([], dtype=int)
    both, either = cells[places].reshape(-1, 2).T
    order = places[np.lexsort((places, -either, both / either))]
    best = order[WORST:][::-1][:BEST]
    return [int(place) for place in (*order[:WORST], *best)]


def masked_photos(cascade: Cascade, reader: ShardReader, photos: Sequence[Mapping[str, Any]]) -> list[MaskedPhoto]:
    """The photos to look at, predicted once more; `photos` is the table that scoring the split left."""
    where = knows_where(reader)
    return [_masked(cascade, reader, row, where[row], photos[row]) for row in rows_to_look_at(photos)]


def _masked(
    cascade: Cascade, reader: ShardReader, row: int, where: NDArray[np.bool_], scored: Mapping[str, Any]
) -> MaskedPhoto:
    sample = reader.sample(row)
    # Alone a photo may be sent elsewhere than in its batch: by the last digit of a probability at its threshold.
    own = [one["cluster"] for one in scored["masks"] if one["cells_either"]]
    (found,) = cascade.predict_images([sample.image], {0: own})
    true, said, both, either = [], [], 0, 0
    for slug, mask in found.masks.items():
        places = cascade.places[slug]
        thresholds = np.array(cascade.semseg[slug][1].thresholds)
        known = where[places][:, None, None]
        seen = (mask >= thresholds[:, None, None]) & known
        there = box_masks(sample.boxes, places, *mask.shape[1:]) & known
        both, either = both + int((seen & there).sum()), either + int((seen | there).sum())
        true.append(there.any(0))
        said.append(seen.any(0))
    names = tuple(cascade.meta.names[place] for place in sorted(sample.present))
    iou = both / either if either else float("nan")
    return MaskedPhoto(sample.id, reader.jpeg(row), names, iou, np.any(true, axis=0), np.any(said, axis=0))
