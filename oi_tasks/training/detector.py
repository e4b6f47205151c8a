"""Training a single-stage detector: targets, loss and scores."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import l1_loss
from torchvision.models.detection._utils import Matcher
from torchvision.ops import box_area, box_iou, sigmoid_focal_loss

from oi_tasks.core.bootstrap import Counts
from oi_tasks.core.boxes import HIT
from oi_tasks.core.thresholds import box_thresholds
from oi_tasks.io.shards import ShardReader
from oi_tasks.models.box_counts import FORMULAS, BoxCounts
from oi_tasks.models.box_rules import FoundBox
from oi_tasks.models.detections import Truth
from oi_tasks.models.detector import CORNERS, Detector, anchors
from oi_tasks.models.single_stage import CODER, FLOOR, found_boxes
from oi_tasks.training.learner import Batch, Features, Learner, Scores
from oi_tasks.training.practice import Practice
from oi_tasks.training.semseg import ClusterPhotos
from oi_tasks.training.transforms import View

MATCHER = Matcher(0.5, 0.4, allow_low_quality_matches=True)  # RetinaNet's: a box from 0.5 on, none below 0.4
UNDECIDED = Matcher.BETWEEN_THRESHOLDS
FACTS = 6  # of a box in the targets: 1 + its class's place, its corners, whether it is around a group


class DetectorLearner(Learner):
    """Learns the boxes of some classes. A class that is not known in a photo has no part in the loss there.

    An anchor that lies at least half in a box around a group, and is of no single box, is neither right nor wrong.
    """

    judged_by = "map"

    def __init__(
        self,
        model: Detector,
        train: ClusterPhotos,
        tune: ClusterPhotos,
        batch: int,
        device: torch.device,
        classes: Sequence[int],
        ancestors: Mapping[str, Sequence[str]],
        practice: Practice | None = None,
    ) -> None:
        """`classes`: indexes of the classes in the dataset, in the order of the model's outputs."""
        super().__init__(model, train.reader, tune.reader, batch, device, practice)
        self._known = {photos.reader.split: photos.known for photos in (train, tune)}
        self._classes, self._ancestors = classes, ancestors
        self._place = {index: place for place, index in enumerate(classes)}
        self._most = max(1, *(_most_boxes(photos.reader, classes) for photos in (train, tune)))

    def targets(self, reader: ShardReader, row: int, view: View | None) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """(M, 6) the boxes in pixels, rows of zeros where there are fewer than M; and (K,) which classes are known."""
        width, height = reader.canvas(row)
        boxes = [box for box in reader.boxes(row) if box["class"] in self._place]
        facts = np.zeros((self._most, FACTS), dtype=np.float32)
        for place, box in enumerate(view.of_boxes(boxes) if view else boxes):
            corners = np.array(box["box"]) * (width, height, width, height)
            facts[place] = (1 + self._place[box["class"]], *corners, box["group"] == 1)
        return facts, self._known[reader.split][row]

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Focal loss of the classes and L1 of the offsets, for each anchor of a box; the mean over photos.

        The same as that of torchvision's RetinaNet where every class is known and no box is around a group.
        """
        places = anchors(batch.canvas, logits.device)
        losses = [
            photo_loss(said, facts, known, places)
            for said, facts, known in zip(logits, batch.targets, batch.known, strict=True)
        ]
        return torch.stack(losses).sum() / max(1.0, self.weight(batch))

    def weight(self, batch: Batch) -> float:
        """Photos of which anything is known."""
        return float(batch.known.any(1).sum())

    def shrink(self, features: Features) -> Features:
        """Half precision, as for masks."""
        return tuple(maps.half() for maps in features)

    @torch.inference_mode()
    def scores(self) -> Scores:
        """The detection metric, and recall and precision of boxes at the thresholds of the largest F1."""
        labels = [self.tune.index.classes[index].label for index in self._classes]
        rows = {image_id: row for row, image_id in enumerate(self.tune.table["id"])}
        found: list[list[FoundBox]] = [[] for _ in rows]
        floors = torch.full((len(labels),), FLOOR, device=self.device)
        for batch in self.tune_batches():
            for image_id, said in zip(batch.ids, self.logits(batch), strict=True):
                found[rows[image_id]] = found_boxes(said, batch.canvas, floors, labels)
        truth = Truth.of(self.tune, self._ancestors)
        if not len(truth.boxes):
            return Scores({}, [0.5] * len(labels))
        everything = self._counted(found)
        boxes = everything.recall[:, self._classes, 1].sum(0).astype(int).tolist()
        thresholds = box_thresholds([everything.judged[index] for index in self._classes], boxes)
        lowest = dict(zip(labels, thresholds, strict=True))
        chosen = self._counted([[box for box in photo if box.score >= lowest[box.label]] for photo in found])
        numbers = {"map": float(truth.judge(found).mean())}
        numbers |= {name: _value(name, counts) for name, counts in chosen.numbers().items()}
        return Scores({name: value for name, value in numbers.items() if np.isfinite(value)}, thresholds)

    def _counted(self, found: Sequence[Sequence[FoundBox]]) -> BoxCounts:
        counts = BoxCounts(self.tune, self._classes)
        for row, boxes in enumerate(found):
            counts.add(row, self.tune.boxes(row), boxes)
        return counts


def photo_loss(said: Tensor, facts: Tensor, known: Tensor, places: Tensor) -> Tensor:
    """The loss of one photo: said (A, K + 4), boxes (M, 6), known classes (K,), anchors (A, 4)."""
    logits, offsets = said[:, :-CORNERS], said[:, -CORNERS:]
    boxes = facts[(facts[:, 0] > 0) & (facts[:, -1] == 0)]
    groups = facts[(facts[:, 0] > 0) & (facts[:, -1] > 0)]
    corners = boxes[:, 1 : 1 + CORNERS]
    taken = torch.full((len(places),), Matcher.BELOW_LOW_THRESHOLD, device=said.device)
    if len(boxes):
        taken = MATCHER(box_iou(corners, places))
    taken[(taken < 0) & _in_a_group(places, groups[:, 1 : 1 + CORNERS])] = UNDECIDED
    (own,) = torch.where(taken >= 0)
    wanted = torch.zeros_like(logits)
    wanted[own, boxes[taken[own], 0].long() - 1] = 1.0
    sure = (taken != UNDECIDED)[:, None] & known
    # What is not sure is left out of the sum, not of the tensor: its gradient is zero, its shape is the same.
    classes = (sigmoid_focal_loss(logits, wanted, reduction="none") * sure).sum()
    aims = CODER.encode_single(corners[taken[own]], places[own])
    loss: Tensor = (classes + l1_loss(offsets[own], aims, reduction="sum")) / max(1, len(own))
    return loss


def _in_a_group(places: Tensor, groups: Tensor) -> Tensor:
    """(A,) whether at least half of each anchor lies in one of some boxes (G, 4)."""
    low = torch.maximum(places[:, None, :2], groups[None, :, :2])
    high = torch.minimum(places[:, None, 2:], groups[None, :, 2:])
    inside = (high - low).clamp(min=0).prod(2) / box_area(places)[:, None]
    return (inside >= HIT).any(1)


def _most_boxes(reader: ShardReader, classes: Sequence[int]) -> int:
    """The most boxes of some classes in a photo."""
    own = pl.element().struct.field("class").is_in(list(classes)).cast(pl.Int32).sum()
    counts = reader.table["boxes"].list.eval(own).list.first()
    return int(counts.fill_null(0).to_numpy().max(initial=0))


def _value(name: str, counts: Counts) -> float:
    return float(FORMULAS[name](counts.sum(0)))
