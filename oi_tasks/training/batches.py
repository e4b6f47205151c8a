"""Batches: photos of one aspect bin, in an order that the seed and the epoch decide."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

from oi_tasks.io.shards import Sample

Loaded = TypeVar("Loaded")
THREADS = 2
AHEAD = 4  # batches decoded before they are needed, which bounds memory


def plan_batches(samples: Sequence[Sample], size: int, seed: int | None) -> list[list[int]]:
    """Places of samples, batch by batch: every sample once, each batch of one bin.

    With a seed, samples are shuffled within their bin and batches among each other; without, they keep their order.
    """
    by_bin: dict[str, list[int]] = defaultdict(list)
    for place, sample in enumerate(samples):
        by_bin[sample.bin].append(place)
    draw = random.Random(seed)
    batches = []
    for _, places in sorted(by_bin.items()):
        if seed is not None:
            draw.shuffle(places)
        batches.extend(places[start : start + size] for start in range(0, len(places), size))
    if seed is not None:
        draw.shuffle(batches)
    return batches


def ahead(work: Callable[[list[int]], Loaded], batches: Sequence[list[int]]) -> Iterator[Loaded]:
    """What `work` makes of each batch, in order; the next few are made while one is used."""
    with ThreadPoolExecutor(THREADS) as pool:
        waiting: list[Future[Loaded]] = []
        for batch in batches:
            waiting.append(pool.submit(work, batch))
            if len(waiting) > AHEAD:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()


def photos_of(samples: Sequence[Sample], places: Sequence[int]) -> Tensor:
    """The photos of a batch: float (B, 3, H, W) in [0, 1], channels last in memory."""
    stacked = torch.stack([torch.from_numpy(samples[place].pixels().copy()) for place in places])
    return stacked.permute(0, 3, 1, 2).to(memory_format=torch.channels_last).float().div_(255)
