"""Training the classifier: targets, loss and scores."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from oi_tasks.core.thresholds import f1_by_class, f1_thresholds
from oi_tasks.io.said import Said
from oi_tasks.io.shards import ShardReader
from oi_tasks.models.classifier import Classifier
from oi_tasks.training.learner import Batch, Features, Learner, Scores
from oi_tasks.training.losses import LOSSES
from oi_tasks.training.practice import Practice
from oi_tasks.training.seen import SeenPhotos
from oi_tasks.training.transforms import View


class ClassifierLearner(Learner):
    """Learns which classes are present. What `unverified` leaves unknown has no part in the loss."""

    judged_by = "macro_f1"

    def __init__(
        self,
        model: Classifier,
        train: ShardReader,
        tune: ShardReader,
        batch: int,
        device: torch.device,
        loss: str,
        practice: Practice | None = None,
        seen: SeenPhotos | None = None,
    ) -> None:
        super().__init__(model, train, tune, batch, device, practice)
        self.said = Said([], np.empty((0, len(train.index.classes)), np.float32))
        """Of the tune photos, by the last scores."""
        self.seen = seen if model.head.pools else None
        self._loss, self.activation = loss, "softmax" if loss == "softmax" else "sigmoid"
        self._present = {reader.split: reader.known("present") for reader in (train, tune)}
        self._known = {reader.split: reader.verified() for reader in (train, tune)}

    def targets(self, reader: ShardReader, row: int, view: View | None) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """(C,) which classes are present, and for which that is known."""
        return self._present[reader.split][row], self._known[reader.split][row]

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """The loss that the profile names."""
        return LOSSES[self._loss](logits, batch.targets, batch.known)

    def weight(self, batch: Batch) -> float:
        """Classes known; with softmax, photos that show one."""
        return float((batch.targets.sum(1) > 0).sum()) if self._loss == "softmax" else super().weight(batch)

    def shrink(self, features: Features) -> Features:
        """Maps averaged over the photo where the head begins with that average: an average of it is itself."""
        if not self.model.head.pools:
            return features
        return tuple(maps.float().mean((2, 3), keepdim=True) for maps in features)

    @torch.inference_mode()
    def scores(self) -> Scores:
        """Macro F1 over classes in the tune photos, and top-1 accuracy on photos known to show one class."""
        if len(self.tune) == 0:
            return Scores({}, [0.5] * len(self.train.index.classes))
        ids, said, present, known = [], [], [], []
        for batch in self.tune_batches():
            logits = self.logits(batch)
            ids += batch.ids
            said.append((logits.softmax(1) if self.activation == "softmax" else logits.sigmoid()).cpu().numpy())
            present.append(batch.targets.cpu().numpy() > 0)
            known.append(batch.known.cpu().numpy())
        probabilities, is_present, is_known = np.concatenate(said), np.concatenate(present), np.concatenate(known)
        self.said = Said(ids, probabilities)
        thresholds = f1_thresholds(probabilities, is_present, is_known)
        f1 = f1_by_class(probabilities >= thresholds, is_present, is_known)
        single = is_present.sum(1) == 1
        right = is_present[single, probabilities[single].argmax(1)]
        metrics = {"macro_f1": float(np.nanmean(f1)) if np.isfinite(f1).any() else None}
        metrics["top1_accuracy"] = float(right.mean()) if len(right) else None
        return Scores({name: value for name, value in metrics.items() if value is not None}, thresholds.tolist())
