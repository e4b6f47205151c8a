"""What training a cluster's segmentation model needs: which photos, masks and what is known of them, scores."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from oi_tasks.core.masks import box_masks
from oi_tasks.core.thresholds import GRID, best_iou, counts_by_threshold
from oi_tasks.io.shards import Dataset, Sample
from oi_tasks.models.semseg import Semseg
from oi_tasks.training.batches import ahead, photos_of, plan_batches
from oi_tasks.training.loop import Stage, Step
from oi_tasks.training.losses import mask_loss

CACHE_LIMIT = 2 << 30  # bytes of features kept in memory


@dataclass(frozen=True)
class Batch:
    """Features or photos, masks, and which cells are known; masks are (B, classes, h, w)."""

    ids: list[str]
    inputs: list[Tensor]
    truth: Tensor
    known: Tensor


def choose(samples: Sequence[Sample], classes: Sequence[int], negatives: float, unverified: str) -> list[Sample]:
    """The photos with a box of the cluster, and so many without any of its classes, as a share of those.

    Where unverified classes are unknown, a photo without is one where a class of the cluster is verified absent.
    """
    wanted = set(classes)
    positive = [sample for sample in samples if any(box["class"] in wanted for box in sample.boxes)]
    without = [
        sample
        for sample in samples
        if not wanted & set(sample.present) and (unverified == "negative" or wanted & set(sample.absent))
    ]
    return positive + without[: round(negatives * len(positive))]


def known_cells(sample: Sample, classes: Sequence[int], unverified: str) -> list[bool]:
    """Per class whether the photo's cells are known: all of them, or none.

    A class with boxes is known everywhere; one that is present without a box could be anywhere; one that is absent is
    known to be nowhere; one that nobody verified is unknown, or taken as absent.
    """
    boxed = {box["class"] for box in sample.boxes}
    return [
        cls in boxed or (cls not in sample.present and (cls in sample.absent or unverified == "negative"))
        for cls in classes
    ]


class SemsegTraining:
    """The stage of one cluster's model on one dataset."""

    def __init__(
        self,
        model: Semseg,
        dataset: Dataset,
        classes: Sequence[int],
        batch: int,
        seed: int,
        negatives: float,
        frozen: bool,
    ) -> None:
        self.model, self.classes, self.batch, self.seed, self.frozen = model, list(classes), batch, seed, frozen
        self.unverified = dataset.index["unverified"]
        self.train, self.tune = (
            choose(list(dataset.samples(split)), self.classes, negatives, self.unverified)
            for split in ("train", "tune")
        )
        self._cache: dict[str, list[Tensor]] = {}

    def positives(self) -> int:
        """Training photos with a box of the cluster."""
        wanted = set(self.classes)
        return sum(any(box["class"] in wanted for box in sample.boxes) for sample in self.train)

    def stage(self, epochs: int, rate: float, encoder_rate: float) -> Stage:
        """The decoder, and the encoder with it unless it is frozen."""

        def steps(epoch: int, start: int) -> Iterator[Step]:
            plan = plan_batches(self.train, self.batch, seed=self.seed * 1000 + epoch)[start:]
            flip = None if self.frozen else epoch
            for batch in ahead(lambda places: self._batch(self.train, places, flip), plan):
                yield Step(batch.ids, lambda batch=batch: mask_loss(self._logits(batch), batch.truth, batch.known))

        groups = [{"params": list(self.model.decoder.parameters()), "lr": rate}]
        if not self.frozen:
            groups.append({"params": list(self.model.encoder.parameters()), "lr": encoder_rate})
        return Stage("masks", epochs, len(plan_batches(self.train, self.batch, None)), groups, steps, self._prepare)

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

    def _batch(self, samples: Sequence[Sample], places: list[int], flip: int | None) -> Batch:
        chosen = [samples[place] for place in places]
        height, width = self._cells(chosen[0])
        truth = np.stack([box_masks(sample.boxes, self.classes, height, width) for sample in chosen])
        known = np.array([known_cells(sample, self.classes, self.unverified) for sample in chosen])
        inputs = self._features(chosen) if self.frozen else [photos_of(samples, places)]
        masks = torch.from_numpy(truth).float()
        if flip is not None:
            for row, sample in enumerate(chosen):
                if random.Random(f"{self.seed} {flip} {sample.id}").random() < 0.5:
                    inputs[0][row] = inputs[0][row].flip(-1)
                    masks[row] = masks[row].flip(-1)
        cells = torch.from_numpy(known).float()[:, :, None, None].expand_as(masks)
        return Batch([sample.id for sample in chosen], inputs, masks, cells)

    def _cells(self, sample: Sample) -> tuple[int, int]:
        height, width, _ = sample.pixels().shape
        return height // 8, width // 8

    def _features(self, samples: list[Sample]) -> list[Tensor]:
        """The frozen encoder's features of some photos, kept in half precision while memory allows."""
        missing = [sample for sample in samples if sample.id not in self._cache]
        if missing:
            with torch.inference_mode():
                pyramid = self.model.encoder.pyramid(photos_of(missing, range(len(missing))))
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

    @torch.inference_mode()
    def _counts(self) -> np.ndarray:
        self.model.eval()
        counts = np.zeros((len(GRID), len(self.classes), 2), dtype=np.int64)
        plan = plan_batches(self.tune, self.batch, seed=None)
        for batch in ahead(lambda places: self._batch(self.tune, places, None), plan):
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
