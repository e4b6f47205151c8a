"""What learns, and from what: a model, its photos, its loss and its scores. The loop knows no more than this."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.parallel import DistributedDataParallel

from oi_tasks.core.fingerprint import sha256_of
from oi_tasks.io.shards import ShardReader, plan_batches
from oi_tasks.models.heads import PoolThenStripConv
from oi_tasks.models.saved import Model
from oi_tasks.training.batches import Batch, BatchReader
from oi_tasks.training.device import cores
from oi_tasks.training.features import Features, KeptFeatures
from oi_tasks.training.practice import Practice
from oi_tasks.training.ranks import rank, ranks
from oi_tasks.training.sampling import photo_weights, plan_epoch, share_of
from oi_tasks.training.schedules import Stage, learning
from oi_tasks.training.seen import SeenPhotos, encoder_key
from oi_tasks.training.transforms import SETS, View

__all__ = ["Batch", "Features", "Learner", "Scores"]

PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Scores:
    """How a model does on the tune photos, and the thresholds that it does so with."""

    metrics: dict[str, float]
    thresholds: list[float]


class Network(nn.Module):  # type: ignore[misc]
    """A model as one call: photos, or features in their place, to logits. What is compiled and run by several ranks."""

    def __init__(self, model: Model, frozen: bool) -> None:
        super().__init__()
        self.model, self.frozen = model, frozen

    def forward(self, photos: Tensor | None, features: Features | None) -> Tensor:
        """The logits of a batch."""
        if features is None:
            with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
                features = self.model.encode(photos)
        return self.model.decode(features)


class Learner(ABC):
    """A model that learns from `train` and sets its thresholds on `tune`."""

    seen: SeenPhotos | None = None
    """Where averages of a frozen encoder are kept from one training to the next, if they are."""

    judged_by: str = ""
    """The metric that says which of two models is better; the larger one is."""

    def __init__(
        self,
        model: Model,
        train: ShardReader,
        tune: ShardReader,
        batch: int,
        device: torch.device,
        practice: Practice | None = None,
    ) -> None:
        self.practice = practice or Practice()
        layout = torch.channels_last if self.practice.channels_last else torch.contiguous_format
        self.model = model.to(device, memory_format=layout)
        self.train, self.tune, self.batch, self.device = train, tune, batch, device
        self.reader = BatchReader(self.targets, device, layout, self.practice.workers or max(2, cores()))
        self._frozen = False
        self._kept: dict[str, KeptFeatures] = {}
        self._network: Callable[..., Tensor] = Network(self.model, frozen=False)

    @abstractmethod
    def targets(self, reader: ShardReader, row: int, view: View | None) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """What the model should say of one sample, and where that is known."""

    @abstractmethod
    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """The loss of a batch, one number: a mean over what `weight` counts."""

    @abstractmethod
    def scores(self) -> Scores:
        """Thresholds and scores on the tune photos; the model must be in evaluation mode."""

    def weight(self, batch: Batch) -> float:
        """How much a batch counts in the mean over several: what its loss was averaged over."""
        return float(batch.known.expand_as(batch.targets).sum())

    def shrink(self, features: Features) -> Features:
        """Features as they are kept: smaller, and of the same meaning to the model's head."""
        return features

    def enter(self, stage: Stage, alive: Callable[[int], None]) -> None:
        """Get ready for a stage: an encoder that does not learn is frozen, and its outputs are computed once.

        `alive` is told the photos of each batch computed, and may raise to end the work.
        """
        parts = learning(self.model.encoder, stage)
        self._frozen = not parts
        self.model.encoder.requires_grad_(bool(parts) and stage.depth is None)
        for parameter in (parameter for part in parts for parameter in part):
            parameter.requires_grad_(True)
        self.forget_features()
        if self._frozen:
            self.model.eval()
            for reader in (self.train, self.tune):
                kept = self._encode_all(reader, alive)
                if kept is not None:
                    self._kept[reader.split] = kept
        self._network = self._prepared()

    def forget_features(self) -> None:
        """Compute a frozen encoder's outputs for each batch from here on."""
        self._kept = {}

    def _prepared(self) -> Callable[..., Tensor]:
        """The network as the practice runs it: compiled, and in step with the other ranks."""
        if ranks() > 1 and self.device.type == "cuda":  # batch statistics over all ranks; the CPU has no such layer
            self.model = nn.SyncBatchNorm.convert_sync_batchnorm(self.model)
        network: Callable[..., Tensor] = Network(self.model, self._frozen)
        if self.practice.compile:
            network = torch.compile(network)
        by_bin = isinstance(self.model.head, PoolThenStripConv)  # a batch uses the strips of its bin alone
        if ranks() > 1:
            network = DistributedDataParallel(network, find_unused_parameters=by_bin)
        return network

    def mode(self, learning: bool) -> None:
        """Training or evaluation mode.

        Normalisation layers keep their statistics where they are frozen, or where the practice says so.
        """
        self.model.train(learning)
        if self._frozen:
            self.model.encoder.eval()
        elif learning:
            for module in self.model.encoder.modules():
                own = list(module.parameters(recurse=False))
                frozen = own and not any(parameter.requires_grad for parameter in own)
                if frozen or (self.practice.norm_eval and isinstance(module, _NormBase)):
                    module.eval()

    @torch.no_grad()
    def renew_statistics(self, seed: Sequence[int]) -> None:
        """Compute the statistics of batch normalisation anew, from the training photos as they are.

        As torch's `update_bn` does it, but for the layers alone whose statistics learn: those of an encoder that is
        frozen, or that keeps its own, stay.
        """
        self.mode(learning=True)
        layers = [layer for layer in self.model.modules() if isinstance(layer, _BatchNorm) and layer.training]
        momenta = [layer.momentum for layer in layers]
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # the mean over all batches
        if layers:
            for batch in self.reader.read(self.train, self.plan(seed), kept=self._kept.get(self.train.split)):
                self.logits(batch)
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum

    def plan(self, seed: Sequence[int]) -> list[NDArray[np.int64]]:
        """The batches of an epoch, as rows: of all ranks together."""
        return plan_epoch(self.train.bins, self.train.places.shards, self.batch, seed, self._weights)

    @cached_property
    def _weights(self) -> NDArray[np.float64] | None:
        sampling = self.practice.sampling
        return photo_weights(self.train.known("present"), sampling.power) if sampling.kind == "weighted" else None

    def learning_batches(self, plan: Sequence[NDArray[np.int64]], seed: Sequence[int]) -> Iterator[Batch]:
        """The share of this rank in some batches, augmented where the encoder learns.

        A row's view depends on the seed and row alone.
        """
        strength, share = SETS[self.practice.augment.set], self.practice.augment.share

        def draw(row: int) -> View | None:
            random = np.random.default_rng([*seed, row])
            view = View.draw(random, strength)
            return view if share == 1.0 or random.random() < share else None

        own = plan if ranks() == 1 else [share_of(rows, rank(), ranks()) for rows in plan]
        kept = self._kept.get(self.train.split)
        batches = self.reader.read(self.train, own, None if self._frozen else draw, kept)
        for rows, batch in zip(plan, batches, strict=True):
            yield batch if rank() < len(rows) else batch.without_weight()

    def tune_batches(self) -> Iterator[Batch]:
        """The tune photos, as they are."""
        kept = self._kept.get(self.tune.split)
        return self.reader.read(self.tune, plan_batches(self.tune.bins, self.batch), kept=kept)

    def logits(self, batch: Batch) -> Tensor:
        """What the model says of a batch, in single precision."""
        network = self._network if torch.is_grad_enabled() else Network(self.model, self._frozen)
        with self.arithmetic():
            return network(batch.photos, batch.features).float()

    def arithmetic(self) -> AbstractContextManager[Any]:
        """The precision of the network's arithmetic."""
        kind = PRECISIONS.get(self.practice.precision)
        return nullcontext() if kind is None else torch.autocast(self.device.type, kind)

    def apart(self) -> AbstractContextManager[Any]:
        """While it is open, gradients stay with this rank: for all parts of a batch but the last."""
        network = self._network
        return network.no_sync() if isinstance(network, DistributedDataParallel) else nullcontext()

    @torch.inference_mode()
    def _encode_all(self, reader: ShardReader, alive: Callable[[int], None]) -> KeptFeatures | None:
        """The frozen encoder's outputs for all samples, by row; None if they are too many to keep."""
        kept, photos, key = KeptFeatures(len(reader)), _digests(reader, self.seen), self._encoder_key()
        rows = self._recall(key, photos, kept) if self.seen else np.arange(len(reader))
        plan = [rows[part] for part in plan_batches(reader.bins[rows], self.batch)]
        for part, batch in zip(plan, self.reader.read(reader, plan), strict=True):
            alive(len(batch))
            with self.arithmetic():
                features = self.shrink(self.model.encode(batch.photos))
            if part is plan[0] and not KeptFeatures.fit(features, len(reader)):
                return None
            kept.put(part, tuple(level.float() if level.dtype == torch.bfloat16 else level for level in features))
        if self.seen and plan and _averages(features):
            (levels,) = kept.get(np.arange(len(reader)))
            self.seen.keep(key, photos, levels.flatten(1).numpy())
        return kept

    def _encoder_key(self) -> str:
        return encoder_key(self.model.encoder, mirror=getattr(self.model, "mirror", False), by=self.practice.precision)

    def _recall(self, key: str, photos: NDArray[np.bytes_], kept: KeptFeatures) -> NDArray[np.int64]:
        """Put what was seen before into `kept`. Returns the rows that were not."""
        assert self.seen is not None
        known, features = self.seen.recall(key, photos)
        if known.any():
            kept.put(np.flatnonzero(known), (torch.from_numpy(features[known])[:, :, None, None],))
        return np.flatnonzero(~known)


def _digests(reader: ShardReader, seen: SeenPhotos | None) -> NDArray[np.bytes_]:
    """(N,) the sha256 of each encoded photo, if anybody asks."""
    rows = range(len(reader)) if seen else ()
    return np.array([sha256_of(reader.jpeg(row)) for row in rows], dtype="S64")


def _averages(features: Features) -> bool:
    """Whether features are averages over a photo: of one level, and without a place."""
    return len(features) == 1 and features[0].ndim == 4 and features[0].shape[2:] == (1, 1)
