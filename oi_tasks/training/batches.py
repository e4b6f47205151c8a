"""Photos of a batch as tensors, decoded ahead of their use."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from oi_tasks.io.ahead import map_ahead
from oi_tasks.io.shards import Sample, ShardReader

THREADS = 2
AHEAD = 4  # batches under way, which bounds memory

Rows = NDArray[np.int64]


def photos_of(samples: Sequence[Sample]) -> Tensor:
    """Photos of one bin: float (B, 3, H, W) in [0, 1], channels last in memory."""
    stacked = torch.from_numpy(np.stack([sample.image for sample in samples]))
    return stacked.permute(0, 3, 1, 2).to(memory_format=torch.channels_last).float().div_(255)


def read_batches(reader: ShardReader, plan: Sequence[Rows]) -> Iterator[list[Sample]]:
    """The samples of each batch of a plan, in order; the next few are decoded while one is used."""
    return map_ahead(lambda rows: [reader.sample(int(row)) for row in rows], plan, THREADS, AHEAD)
