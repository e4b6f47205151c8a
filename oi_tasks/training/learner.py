"""What learns, and from what: a model, its photos, its loss and its scores. The loop knows no more than this."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from oi_tasks.io.ahead import map_ahead
from oi_tasks.io.shards import ShardReader, plan_batches
from oi_tasks.models.classifier import Classifier
from oi_tasks.models.semseg import Semseg
from oi_tasks.training.schedules import Stage
from oi_tasks.training.transforms import View, as_tensor

THREADS, AHEAD = 2, 4  # threads that decode; batches that wait
CACHE_LIMIT = 1 << 30  # bytes of a frozen encoder's outputs that are kept; larger ones are computed in each epoch

Features = tuple[Tensor, ...]
Draw = Callable[[int], View]  # the view of a row


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
    """True where a target is known; broadcasts to `targets`."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Scores:
    """How a model does on the tune photos, and the thresholds that it does so with."""

    metrics: dict[str, float]
    thresholds: list[float]


class Learner(ABC):
    """A model that learns from `train` and sets its thresholds on `tune`."""

    def __init__(
        self,
        model: Classifier | Semseg,
        train: ShardReader,
        tune: ShardReader,
        batch: int,
        device: torch.device,
    ) -> None:
        self.model = model.to(device, memory_format=torch.channels_last)
        self.train, self.tune, self.batch, self.device = train, tune, batch, device
        self._frozen = False
        self._kept: dict[str, list[Features]] = {}

    @abstractmethod
    def targets(self, reader: ShardReader, row: int, view: View | None) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """What the model should say of one sample, and where that is known."""

    @abstractmethod
    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """The loss of a batch, one number."""

    @abstractmethod
    def scores(self) -> Scores:
        """Thresholds and scores on the tune photos; the model must be in evaluation mode."""

    def shrink(self, features: Features) -> Features:
        """Features as they are kept: smaller, and of the same meaning to the model's head."""
        return features

    def enter(self, stage: Stage, alive: Callable[[int], None]) -> None:
        """Get ready for a stage: an encoder that does not learn is frozen, and its outputs are computed once.

        `alive` is told the photos of each batch computed, and may raise to end the work.
        """
        self._frozen = "encoder" not in stage.rates
        self.model.encoder.requires_grad_(not self._frozen)
        self._kept = {}
        if self._frozen:
            self.model.eval()
            for reader in (self.train, self.tune):
                kept = self._encode_all(reader, alive)
                if kept is not None:
                    self._kept[reader.split] = kept

    def mode(self, learning: bool) -> None:
        """Training or evaluation mode; the normalisation layers of a frozen encoder keep their statistics."""
        self.model.train(learning)
        if self._frozen:
            self.model.encoder.eval()

    def plan(self, seed: Sequence[int]) -> list[NDArray[np.int64]]:
        """The batches of an epoch, as rows."""
        return plan_batches(self.train.bins, self.batch, seed)

    def learning_batches(self, plan: Sequence[NDArray[np.int64]], seed: Sequence[int]) -> Iterator[Batch]:
        """Batches to learn from, augmented where the encoder learns; a row's view depends on the seed and row alone."""
        draw = None if self._frozen else lambda row: View.draw(np.random.default_rng([*seed, row]))
        return self._batches(self.train, plan, draw)

    def tune_batches(self) -> Iterator[Batch]:
        """The tune photos, as they are."""
        return self._batches(self.tune, plan_batches(self.tune.bins, self.batch))

    def logits(self, batch: Batch) -> Tensor:
        """What the model says of a batch."""
        if batch.features is None:
            assert batch.photos is not None
            with torch.set_grad_enabled(torch.is_grad_enabled() and not self._frozen):
                batch = replace(batch, features=self.model.encode(batch.photos))
        assert batch.features is not None
        return self.model.decode(batch.features)

    def _batches(
        self, reader: ShardReader, plan: Sequence[NDArray[np.int64]], draw: Draw | None = None
    ) -> Iterator[Batch]:
        """Batches of a plan, decoded ahead in threads; features in place of photos where they are kept."""
        kept = self._kept.get(reader.split)

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

        for rows, (photos, targets, known) in zip(plan, map_ahead(make, plan, THREADS, AHEAD), strict=True):
            yield Batch(
                ids=reader.ids(rows),
                photos=self._as_input(photos) if kept is None else None,
                features=None if kept is None else self._gather(kept, rows),
                targets=torch.from_numpy(np.stack(targets)).to(self.device, torch.float32),
                known=torch.from_numpy(np.stack(known)).to(self.device),
            )

    def _as_input(self, photos: list[Tensor]) -> Tensor:
        """Photos as the model takes them: (B, 3, H, W) in [0, 1]."""
        stacked = torch.stack(photos).to(self.device, memory_format=torch.channels_last)
        return stacked.to(torch.float32) / 255

    def _gather(self, kept: list[Features], rows: NDArray[np.int64]) -> Features:
        """Kept features of some rows, as one batch."""
        levels = zip(*(kept[row] for row in rows), strict=True)
        return tuple(
            torch.stack(level).to(self.device, torch.float32, memory_format=torch.channels_last) for level in levels
        )

    @torch.inference_mode()
    def _encode_all(self, reader: ShardReader, alive: Callable[[int], None]) -> list[Features] | None:
        """The frozen encoder's outputs for all samples, by row; None if they are too many to keep."""
        plan = plan_batches(reader.bins, self.batch)
        found: list[Features] = [()] * len(reader)
        for rows, batch in zip(plan, self._batches(reader, plan), strict=True):
            alive(len(batch))
            assert batch.photos is not None
            features = tuple(level.cpu() for level in self.shrink(self.model.encode(batch.photos)))
            if sum(level[0].nbytes for level in features) * len(reader) > CACHE_LIMIT:
                return None
            for row, *levels in zip(rows, *features, strict=True):
                found[row] = tuple(levels)
        return found
