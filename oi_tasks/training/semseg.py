"""Training a cluster's segmentation model: which photos, targets, loss and scores."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from oi_tasks.core.masks import box_masks, real_and_depicted
from oi_tasks.core.thresholds import MaskCounts
from oi_tasks.io.shards import ShardReader
from oi_tasks.models.semseg import Semseg
from oi_tasks.training.learner import Batch, Features, Learner, Scores
from oi_tasks.training.losses import MASK_LOSSES
from oi_tasks.training.practice import Practice
from oi_tasks.training.transforms import View


class ClusterPhotos:
    """The photos of one split that teach a cluster, and what is known of its classes in each.

    A class is known where it has boxes, where it is verified absent, and where nothing is verified if the dataset takes
    that for absent. A class that is present without a box is somewhere: nobody knows where.
    """

    def __init__(self, reader: ShardReader, classes: Sequence[int], negatives: float) -> None:
        """`negatives`: photos without any class of the cluster, as a share of those with boxes."""
        boxed, present = reader.boxed()[:, classes], reader.known("present")[:, classes]
        unverified = ~present if reader.index.unverified == "negative" else np.zeros_like(present)
        known = boxed | reader.known("absent")[:, classes] | unverified
        positive = np.flatnonzero(boxed.any(1))
        negative = np.flatnonzero(~present.any(1) & known.any(1))[: round(negatives * len(positive))]
        rows = np.sort(np.concatenate([positive, negative]))
        self.reader, self.known, self.with_boxes = reader.select(rows), known[rows], len(positive)


class SemsegLearner(Learner):
    """Learns where the classes of a cluster are, from boxes drawn at the model's stride."""

    judged_by = "mean_iou"

    def __init__(
        self,
        model: Semseg,
        train: ClusterPhotos,
        tune: ClusterPhotos,
        batch: int,
        device: torch.device,
        classes: Sequence[int],
        stride: int,
        loss: str = "bce+dice",
        practice: Practice | None = None,
        depictions: Literal["keep", "ignore", "drop"] = "keep",
    ) -> None:
        """`depictions`: what a box of one makes of its cells: the class, unknown, or background."""
        super().__init__(model, train.reader, tune.reader, batch, device, practice)
        self._known = {photos.reader.split: photos.known for photos in (train, tune)}
        self._classes, self._stride, self._loss = classes, stride, MASK_LOSSES[loss]
        self._depictions = depictions

    def targets(self, reader: ShardReader, row: int, view: View | None) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """(K, H/stride, W/stride) the masks of the boxes, and which classes are known: (K, 1, 1), or in each cell."""
        boxes = reader.boxes(row)
        boxes = view.of_boxes(boxes) if view else boxes
        width, height = (side // self._stride for side in reader.canvas(row))
        known = self._known[reader.split][row][:, None, None]
        if self._depictions == "keep":
            return box_masks(boxes, self._classes, height, width), known
        masks, depicted = real_and_depicted(boxes, self._classes, height, width)
        return masks, known & ~depicted if self._depictions == "ignore" else known

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """The loss that the profile names."""
        return self._loss(logits, batch.targets, batch.known)

    def shrink(self, features: Features) -> Features:
        """Half precision: 140 kB in place of 280 for a photo of 224 px and a small encoder."""
        return tuple(maps.half() for maps in features)

    @torch.inference_mode()
    def scores(self) -> Scores:
        """Intersection over union, Dice, precision and recall of each class's cells, and the means over classes.

        All come from cells summed over all tune photos, at the threshold of the largest IoU.
        """
        counts = MaskCounts(len(self._classes))
        for batch in self.tune_batches():
            probabilities = self.logits(batch).sigmoid().cpu().numpy()
            counts.add(probabilities, batch.targets.cpu().numpy() > 0, batch.known.cpu().numpy())
        thresholds, iou = counts.best()
        numbers = {"iou": iou, **counts.at(thresholds)}
        metrics: dict[str, float] = {}
        for what, values in numbers.items():
            if np.isfinite(values).any():
                metrics[f"mean_{what}"] = float(np.nanmean(values))
            for index, value in zip(self._classes, values, strict=True):
                if np.isfinite(value):
                    metrics[f"{what}/{self.train.index.classes[index].name}"] = float(value)
        return Scores(metrics, thresholds.tolist())
