"""Batches, and how they are read: decoded ahead in threads, the same whatever their number."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from oi_tasks.io.ahead import map_ahead
from oi_tasks.io.shards import ShardReader
from oi_tasks.training.device import alone
from oi_tasks.training.features import Features, KeptFeatures
from oi_tasks.training.transforms import View, as_tensor

AHEAD = 2  # batches that wait, for each thread
FETCH_AHEAD = 64  # batches whose shards are fetched before their turn

Draw = Callable[[int], View | None]  # the view of a row; None: the photo as it is
Targets = Callable[[ShardReader, int, View | None], tuple[NDArray[Any], NDArray[np.bool_]]]


@dataclass(frozen=True)
class Batch:
    """Samples of one aspect bin."""

    ids: list[str]
    photos: Tensor | None
    """(B, 3, H, W) in [0, 1]; None where `features` stand for them."""
    features: Features | None
    """What a frozen encoder makes of the photos."""
    targets: Tensor
    known: Tensor
    """True where a target is known; broadcasts to `targets`, or means what the learner says."""
    canvas: tuple[int, int]
    """Width and height of the photos, in pixels."""

    def __len__(self) -> int:
        return len(self.ids)

    def parts(self, count: int) -> "list[Batch]":
        """The batch in at most `count` parts of nearly equal size."""
        if count == 1 or len(self) <= 1:
            return [self]
        edges = [round(len(self) * part / count) for part in range(count + 1)]
        return [self._part(slice(*edge)) for edge in pairwise(edges) if edge[0] < edge[1]]

    def without_weight(self) -> "Batch":
        """The same tensors, of which nothing is known: for a rank that has no photo of its own in a step."""
        return replace(self, ids=[], targets=torch.zeros_like(self.targets), known=torch.zeros_like(self.known))

    def _part(self, chosen: slice) -> "Batch":
        return Batch(
            ids=self.ids[chosen],
            photos=None if self.photos is None else self.photos[chosen],
            features=None if self.features is None else tuple(level[chosen] for level in self.features),
            targets=self.targets[chosen],
            known=self.known[chosen],
            canvas=self.canvas,
        )


@dataclass(frozen=True)
class BatchReader:
    """Reads the batches of a plan."""

    targets: Targets
    device: torch.device
    layout: torch.memory_format
    workers: int

    def read(
        self,
        reader: ShardReader,
        plan: Sequence[NDArray[np.int64]],
        draw: Draw | None = None,
        kept: KeptFeatures | None = None,
    ) -> Iterator[Batch]:
        """Batches of a plan, in its order; features in place of photos where they are kept."""

        def make(rows: NDArray[np.int64]) -> tuple[list[Tensor], list[Any], list[Any]]:
            photos, targets, known = [], [], []
            for row in map(int, rows):
                view = draw(row) if draw else None
                if kept is None:
                    photo = as_tensor(reader.image(row))
                    photos.append(view.of_photo(photo) if view else photo)
                wanted, sure = self.targets(reader, row, view)
                targets.append(wanted)
                known.append(sure)
            return photos, targets, known

        asked = plan if kept is not None else _fetching(reader, plan)
        made = map_ahead(make, asked, self.workers, AHEAD * self.workers, begin=alone)
        for rows, (photos, targets, known) in zip(plan, made, strict=True):
            yield Batch(
                ids=reader.ids(rows),
                photos=self._as_input(photos) if kept is None else None,
                features=None if kept is None else self._as_features(kept.get(rows)),
                targets=torch.from_numpy(np.stack(targets)).to(self.device, torch.float32),
                known=torch.from_numpy(np.stack(known)).to(self.device),
                canvas=reader.canvas(int(rows[0])),
            )

    def _as_input(self, photos: list[Tensor]) -> Tensor:
        """Photos as the model takes them: (B, 3, H, W) in [0, 1]."""
        # Decoded photos lie with channels innermost: stacked so, a photo is one copy and takes two thirds of the time.
        stacked = torch.stack([photo.permute(1, 2, 0) for photo in photos]).permute(0, 3, 1, 2)
        return stacked.to(self.device).to(torch.float32, memory_format=self.layout).div_(255)

    def _as_features(self, features: Features) -> Features:
        return tuple(level.to(self.device, torch.float32, memory_format=self.layout) for level in features)


def _fetching(reader: ShardReader, plan: Sequence[NDArray[np.int64]]) -> Iterator[NDArray[np.int64]]:
    """The plan, its shards being fetched before their turn."""
    for rows in plan[:FETCH_AHEAD]:
        reader.fetch_ahead(rows)
    for number, rows in enumerate(plan):
        if number + FETCH_AHEAD < len(plan):
            reader.fetch_ahead(plan[number + FETCH_AHEAD])
        yield rows
