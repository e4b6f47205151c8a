"""What training a cluster's segmentation model needs: which photos, masks and what is known of them, scores."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from oi_tasks.core.masks import box_masks
from oi_tasks.core.thresholds import GRID, best_iou, counts_by_threshold
from oi_tasks.io.outputs import Output
from oi_tasks.io.shards import Sample, ShardReader, plan_batches
from oi_tasks.models.semseg import Semseg
from oi_tasks.training.batches import photos_of, read_batches
from oi_tasks.training.loop import Stage, Step
from oi_tasks.training.losses import mask_loss

CACHE_LIMIT = 2 << 30  # bytes of features kept in memory


@dataclass(frozen=True)
class Batch:
    """Features at three strides or photos, masks, and which cells are known; masks are (B, classes, h, w)."""

    ids: list[str]
    inputs: list[Tensor]
    truth: Tensor
    known: Tensor


def boxed(reader: ShardReader, classes: Sequence[int]) -> NDArray[np.bool_]:
    """(N,) whether a photo has a box of one of the classes."""
    wanted = set(classes)
    return np.array([any(box["class"] in wanted for box in boxes) for boxes in reader.table["boxes"]], dtype=bool)


def choose(reader: ShardReader, classes: Sequence[int], negatives: float) -> ShardReader:
    """The photos with a box of the cluster, and so many without any of its classes, as a share of those.

    Where unverified classes are unknown, a photo without is one where a class of the cluster is verified absent.
    """
    positive = boxed(reader, classes)
    places = list(classes)
    without = ~reader.known("present")[:, places].any(axis=1) & ~positive
    if reader.index.unverified == "ignore":
        without &= reader.known("absent")[:, places].any(axis=1)
    rows = np.flatnonzero(positive)
    return reader.select(np.concatenate([rows, np.flatnonzero(without)[: round(negatives * len(rows))]]))


def known_cells(sample: Sample, classes: Sequence[int], unverified: str) -> list[bool]:
    """Per class whether the photo's cells are known: all of them, or none.

    A class with boxes is known everywhere; one that is present without a box could be anywhere; one that is absent is
    known to be nowhere; one that nobody verified is unknown, or taken as absent.
    """
    with_box = {box["class"] for box in sample.boxes}
    return [
        cls in with_box or (cls not in sample.present and (cls in sample.absent or unverified == "negative"))
        for cls in classes
    ]


class SemsegTraining:
    """The stage of one cluster's model on one dataset."""

    def __init__(
        self,
        model: Semseg,
        dataset: Output,
        classes: Sequence[int],
        batch: int,
        seed: int,
        negatives: float,
        frozen: bool,
    ) -> None:
        self.model, self.classes, self.batch, self.seed, self.frozen = model, list(classes), batch, seed, frozen
        self.train, self.tune = (
            choose(ShardReader(dataset, split), self.classes, negatives) for split in ("train", "tune")
        )
        self.unverified = self.train.index.unverified
        self._cache: dict[str, list[Tensor]] = {}

    def positives(self) -> int:
        """Training photos with a box of the cluster."""
        return int(boxed(self.train, self.classes).sum())

    def stage(self, epochs: int, rate: float, encoder_rate: float) -> Stage:
        """The decoder, and the encoder with it unless it is frozen."""

        def steps(epoch: int, start: int) -> Iterator[Step]:
            plan = plan_batches(self.train.bins, self.batch, seed=self.seed * 1000 + epoch)[start:]
            flip = None if self.frozen else epoch
            for samples in read_batches(self.train, plan):
                yield self._step(self._batch(samples, flip))

        groups = [{"params": list(self.model.decoder.parameters()), "lr": rate}]
        if not self.frozen:
            groups.append({"params": list(self.model.encoder.parameters()), "lr": encoder_rate})
        count = len(plan_batches(self.train.bins, self.batch))
        return Stage("masks", epochs, count, groups, steps, self._prepare)

    def _step(self, batch: Batch) -> Step:
        return Step(batch.ids, lambda: mask_loss(self._logits(batch), batch.truth, batch.known))

    def _prepare(self) -> None:
        self.model.requires_grad_(True).train()
        if self.frozen:
            self.model.encoder.requires_grad_(False).eval()

    def _logits(self, batch: Batch) -> Tensor:
        if self.frozen:
            logits: Tensor = self.model.decoder([features.float() for features in batch.inputs])
        else:
            logits = self.model(batch.inputs[0])
        return logits

    def _batch(self, samples: list[Sample], flip: int | None) -> Batch:
        height, width = (side // 8 for side in samples[0].image.shape[:2])
        masks = torch.from_numpy(np.stack([box_masks(sample.boxes, self.classes, height, width) for sample in samples]))
        masks = masks.float()
        known = torch.tensor([known_cells(sample, self.classes, self.unverified) for sample in samples]).float()
        inputs = self._features(samples) if self.frozen else [photos_of(samples)]
        if flip is not None:
            for row, sample in enumerate(samples):
                if random.Random(f"{self.seed} {flip} {sample.id}").random() < 0.5:
                    inputs[0][row] = inputs[0][row].flip(-1)
                    masks[row] = masks[row].flip(-1)
        ids = [sample.id for sample in samples]
        return Batch(ids, inputs, masks, known[:, :, None, None].expand_as(masks))

    def _features(self, samples: list[Sample]) -> list[Tensor]:
        """The frozen encoder's features of some photos, kept in half precision while memory allows."""
        missing = [sample for sample in samples if sample.id not in self._cache]
        if missing:
            with torch.no_grad():
                pyramid = self.model.encoder.pyramid(photos_of(missing))
            rows = {sample.id: [level[row].half().clone() for level in pyramid] for row, sample in enumerate(missing)}
            if self._room_for(rows):
                self._cache |= rows
        else:
            rows = {}
        found = [self._cache.get(sample.id) or rows[sample.id] for sample in samples]
        return [torch.stack([levels[level] for levels in found]) for level in range(len(found[0]))]

    def _room_for(self, rows: dict[str, list[Tensor]]) -> bool:
        one = sum(level.numel() * level.element_size() for level in next(iter(rows.values())))
        return (len(self._cache) + len(rows)) * one <= CACHE_LIMIT

    @torch.no_grad()
    def _counts(self) -> np.ndarray:
        self.model.eval()
        counts = np.zeros((len(GRID), len(self.classes), 2), dtype=np.int64)
        for samples in read_batches(self.tune, plan_batches(self.tune.bins, self.batch)):
            batch = self._batch(samples, None)
            said = self._logits(batch).sigmoid().numpy()
            counts += counts_by_threshold(said, batch.truth.numpy() > 0, batch.known.numpy() > 0)
        return counts

    def thresholds_and_iou(self) -> tuple[list[float], list[float]]:
        """Per class the threshold of largest IoU on the `tune` split, and that IoU from counts over all its photos."""
        return best_iou(self._counts())

    def scores(self) -> dict[str, float]:
        """Mean IoU over the classes that stand on a `tune` photo."""
        values = [value for value in self.thresholds_and_iou()[1] if not np.isnan(value)]
        return {"tune_mean_iou": float(np.mean(values)) if values else float("nan")}
