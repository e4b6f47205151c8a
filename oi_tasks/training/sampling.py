"""Which photos an epoch shows, and in which batches: a plan made of the seed alone, the same on every machine."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import WeightedRandomSampler

from oi_tasks.io.shards import plan_batches

WINDOW = 16  # shards whose photos are shuffled together; those of two windows are held at a time

Rows = NDArray[np.int64]


def plan_epoch(
    bins: NDArray[np.str_],
    shards: NDArray[np.int32],
    size: int,
    seed: Sequence[int],
    weights: NDArray[np.float64] | None = None,
    window: int = WINDOW,
) -> list[Rows]:
    """Batches as rows, each of one bin. Without `weights` every row once; with them, as many rows drawn by weight.

    `bins` and `shards` (N,) say where each row belongs. Shards come in random order; the rows of `window` of them are
    shuffled together, so that a reader needs few shards at a time. Rows of a shard are in no order to begin with.
    """
    rows = np.arange(len(bins)) if weights is None else draw_weighted(weights, seed)
    order = np.unique(shards)
    if len(order) <= window:
        return [rows[batch] for batch in plan_batches(bins[rows], size, seed)]
    np.random.default_rng([*seed, 1]).shuffle(order)
    turn = np.empty(int(order.max()) + 1, dtype=np.int64)
    turn[order] = np.arange(len(order)) // window
    turns = turn[shards[rows]]
    plan: list[Rows] = []
    for number in range(-(-len(order) // window)):
        open_rows = rows[turns == number]
        plan += [open_rows[batch] for batch in plan_batches(bins[open_rows], size, [*seed, number])]
    return plan


def draw_weighted(weights: NDArray[np.float64], seed: Sequence[int]) -> Rows:
    """As many rows as there are weights, drawn with replacement by `WeightedRandomSampler`."""
    generator = torch.Generator().manual_seed(int(np.random.default_rng([*seed, 2]).integers(2**62)))
    sampler = WeightedRandomSampler(weights.tolist(), len(weights), replacement=True, generator=generator)
    return np.fromiter(sampler, dtype=np.int64, count=len(weights))


def photo_weights(present: NDArray[np.bool_], power: float) -> NDArray[np.float64]:
    """(N,) how often each photo should be seen: (1 / photos of its rarest class) ** `power`. `present` is (N, C).

    A photo of no class counts as one of the most frequent class.
    """
    photos = present.sum(0)
    most = max(int(photos.max(initial=0)), 1)
    rarest = np.where(present, photos, most).min(axis=1, initial=most)
    return np.asarray((1.0 / rarest) ** power, dtype=np.float64)


def share_of(rows: Rows, rank: int, ranks: int) -> Rows:
    """The rows of a batch that one of several processes works on: together all of them, each once.

    With fewer rows than processes the last ones get a row that is not theirs, so that they can keep in step.
    """
    return rows[rank::ranks] if rank < len(rows) else rows[:1]
