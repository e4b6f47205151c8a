"""What training a classifier needs: targets, the two stages, and scores on the `tune` split."""

import random
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional

from oi_tasks.core.thresholds import best_f1_thresholds
from oi_tasks.io.outputs import Output
from oi_tasks.io.shards import Sample, ShardReader, plan_batches
from oi_tasks.models.classifier import Classifier
from oi_tasks.training.batches import photos_of, read_batches
from oi_tasks.training.loop import Stage, Step
from oi_tasks.training.losses import classifier_loss


def targets(reader: ShardReader) -> tuple[Tensor, Tensor]:
    """What is true of each photo, and what is known: two float tensors (N, classes).

    A class neither present nor verified absent is unknown (`ignore`) or taken as absent (`negative`).
    """
    truth, absent = (torch.from_numpy(reader.known(column)).float() for column in ("present", "absent"))
    known = torch.ones_like(truth) if reader.index.unverified == "negative" else (truth + absent).clamp(max=1)
    return truth, known


class ClassifierTraining:
    """The stages of one classifier on one dataset."""

    def __init__(self, model: Classifier, dataset: Output, loss: str, batch: int, seed: int) -> None:
        self.model, self.loss, self.batch, self.seed = model, loss, batch, seed
        self.train, self.tune = ShardReader(dataset, "train"), ShardReader(dataset, "tune")
        self.ids = self.train.table["id"].to_list()
        self.truth, self.known = targets(self.train)
        self.tune_truth, self.tune_known = targets(self.tune)
        self._features: dict[str, Tensor] = {}

    def encode_once(self, progress: Callable[[int], None]) -> None:
        """The frozen encoder's features of every photo: a stage that only trains the head needs no more."""
        self._features = {"train": self._encode(self.train, progress), "tune": self._encode(self.tune, progress)}

    @torch.no_grad()
    def _encode(self, reader: ShardReader, progress: Callable[[int], None]) -> Tensor:
        self.model.eval()
        features = torch.empty(len(reader), self.model.encoder.features)
        plan = plan_batches(reader.bins, self.batch)
        for rows, samples in zip(plan, read_batches(reader, plan), strict=True):
            features[torch.from_numpy(rows)] = self.model.encode(photos_of(samples))
            progress(len(rows))
        return features

    def frozen_stage(self, epochs: int, rate: float) -> Stage:
        """The head alone, on the encoder's features."""

        def steps(epoch: int, start: int) -> Iterator[Step]:
            order = list(range(len(self.train)))
            random.Random(f"{self.seed} frozen {epoch}").shuffle(order)
            for first in range(start * self.batch, len(order), self.batch):
                rows = order[first : first + self.batch]
                yield self._step(rows, self._on_features(rows))

        count = -(-len(self.train) // self.batch)
        groups = [{"params": list(self.model.head.parameters()), "lr": rate}]
        return Stage("frozen", epochs, count, groups, steps, self._only_the_head)

    def unfrozen_stage(self, epochs: int, rate: float, encoder_rate: float) -> Stage:
        """The whole network, on photos turned a little at random."""

        def steps(epoch: int, start: int) -> Iterator[Step]:
            plan = plan_batches(self.train.bins, self.batch, seed=self.seed * 1000 + epoch)[start:]
            for rows, samples in zip(plan, read_batches(self.train, plan), strict=True):
                yield self._step(rows.tolist(), self._on_photos(samples, epoch))

        count = len(plan_batches(self.train.bins, self.batch))
        groups = [
            {"params": list(self.model.encoder.parameters()), "lr": encoder_rate},
            {"params": list(self.model.head.parameters()), "lr": rate},
        ]
        return Stage("unfrozen", epochs, count, groups, steps, self._everything)

    def _on_features(self, rows: list[int]) -> Callable[[], Tensor]:
        return lambda: self.model.head(self._features["train"][rows])

    def _on_photos(self, samples: list[Sample], epoch: int) -> Callable[[], Tensor]:
        return lambda: self.model(self._varied(samples, epoch))

    def _only_the_head(self) -> None:
        self.model.requires_grad_(False).eval()
        self.model.head.requires_grad_(True).train()

    def _everything(self) -> None:
        self._features = {}
        self.model.requires_grad_(True).train()

    def _step(self, rows: list[int], logits: Callable[[], Tensor]) -> Step:
        def loss() -> Tensor:
            return classifier_loss(self.loss, logits(), self.truth[rows], self.known[rows])

        return Step([self.ids[row] for row in rows], loss)

    def _varied(self, samples: Sequence[Sample], epoch: int) -> Tensor:
        """A batch, each photo mirrored half of the time and cut by up to a fifth; drawn from seed, epoch and id."""
        photos = photos_of(samples)
        height, width = photos.shape[-2:]
        for row, sample in enumerate(samples):
            draw = random.Random(f"{self.seed} {epoch} {sample.id}")
            if draw.random() < 0.5:
                photos[row] = functional.horizontal_flip(photos[row])
            high, wide = (round(side * draw.uniform(0.8, 1)) for side in (height, width))
            top, left = draw.randint(0, height - high), draw.randint(0, width - wide)
            photos[row] = functional.resized_crop(photos[row], top, left, high, wide, [height, width])
        return photos

    @torch.no_grad()
    def tune_probabilities(self, activation: str) -> Tensor:
        """What the model says of the `tune` photos, (N, classes)."""
        self.model.eval()
        if self._features:
            logits = self.model.head(self._features["tune"])
        else:
            logits = torch.empty_like(self.tune_truth)
            plan = plan_batches(self.tune.bins, self.batch)
            for rows, samples in zip(plan, read_batches(self.tune, plan), strict=True):
                logits[torch.from_numpy(rows)] = self.model(photos_of(samples))
        return logits.softmax(1) if activation == "softmax" else logits.sigmoid()

    def scores(self, activation: str) -> dict[str, float]:
        """Macro F1 at the best thresholds, and top-1 accuracy on photos of one class, on the `tune` split."""
        said = self.tune_probabilities(activation).numpy()
        truth, known = self.tune_truth.numpy() > 0, self.tune_known.numpy() > 0
        thresholds = np.array(best_f1_thresholds(said, truth, known))
        guess = (said >= thresholds) & known
        hits, total = (guess & truth).sum(0), guess.sum(0) + truth.sum(0)
        judged = truth.any(0)
        f1 = float((2 * hits[judged] / np.maximum(total[judged], 1)).mean()) if judged.any() else float("nan")
        single = truth.sum(1) == 1
        top = float((said[single].argmax(1) == truth[single].argmax(1)).mean()) if single.any() else float("nan")
        return {"tune_macro_f1": f1, "tune_top1_accuracy": top}

    def thresholds(self, activation: str) -> list[float]:
        """The thresholds that go into the model."""
        said = self.tune_probabilities(activation).numpy()
        return best_f1_thresholds(said, self.tune_truth.numpy() > 0, self.tune_known.numpy() > 0)
