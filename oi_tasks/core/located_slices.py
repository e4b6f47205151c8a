"""Slices of what was located: how many boxes of a class are found, and how well masks of a class or cluster overlap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from oi_tasks.core.bootstrap import Counts, Paired, Resamples, interval, paired
from oi_tasks.core.slices import slice_row

BATCH = 64  # slices resampled at once


@dataclass(frozen=True)
class Located:
    """A class's boxes, or the masks of a class or a cluster."""

    kind: Literal["class", "cluster"]
    value: str
    name: str
    metric: Literal["box_recall", "mask_iou"]
    photos: int
    """That show a box of it, of those where it is known where it is."""
    counts: Counts
    """(N, 2): the number is the first over the second, summed over photos."""


def score_located(ours: Sequence[Located], theirs: Sequence[Located] | None, drawn: Resamples) -> list[dict[str, Any]]:
    """One row a slice, as of `score_slices`. What nothing is known of, or the champion does not locate, is left out."""
    champion = None if theirs is None else {_key(one): one for one in theirs if one.counts[:, 1].any()}
    chosen = [
        one for one in ours if one.photos and one.counts[:, 1].any() and (champion is None or _key(one) in champion)
    ]
    rows: list[dict[str, Any]] = []
    for start in range(0, len(chosen), BATCH):
        rows += _rows(chosen[start : start + BATCH], champion, drawn)
    return rows


def _rows(
    chosen: Sequence[Located], champion: Mapping[tuple[str, str, str], Located] | None, drawn: Resamples
) -> list[dict[str, Any]]:
    counts = np.stack([one.counts for one in chosen], axis=1)
    values, ends = _ratios(counts.sum(0)), interval(_ratios(drawn.sums(counts)))
    pairs: Sequence[Paired | None] = [None] * len(chosen)
    if champion is not None:
        pairs = paired(counts, np.stack([champion[_key(one)].counts for one in chosen], axis=1), _ratios, drawn)
    return [
        slice_row((one.kind, one.value, one.name, one.metric), one.photos, value, own, pair)
        for one, value, own, pair in zip(chosen, values, zip(*ends, strict=True), pairs, strict=True)
    ]


def _key(one: Located) -> tuple[str, str, str]:
    return one.kind, one.value, one.metric


def _ratios(sums: Counts) -> Counts:
    """First over second of (..., S, 2) sums: (..., S)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])
