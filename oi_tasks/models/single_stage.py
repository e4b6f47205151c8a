"""The answers of a single-stage detector, in the form that the cascade's have."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import batched_nms, clip_boxes_to_image

from oi_tasks.models.box_rules import FoundBox
from oi_tasks.models.detector import CORNERS, anchors
from oi_tasks.models.predictor import PhotoPrediction, Predictor, as_photos, by_shape
from oi_tasks.models.saved import ModelMeta, load_model

FLOOR = 0.02  # a score below this is no answer, even where the precision of every score is measured
CANDIDATES = 1000  # best scores of a photo that are looked at
OVERLAP = 0.5  # IoU above which of two boxes of a class the better one stays
MOST = 100  # boxes of a photo
CODER = BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))


class SingleStage(Predictor):
    """A detector with its classes. A class's probability in a photo is its best box's score."""

    finds_boxes = True

    def __init__(self, detector: tuple[nn.Module, ModelMeta], floor: float | None = None) -> None:
        """Boxes have at least the score `floor`; without it, the threshold of their class."""
        self.detector, self.meta = detector
        self.floors = torch.tensor(self.meta.thresholds if floor is None else [floor] * len(self.meta.classes))

    @classmethod
    def load(cls, folder: Path) -> "SingleStage":
        """From a folder with a model's two files."""
        return cls(load_model(folder))

    @torch.inference_mode()
    def predict_images(self, images: Sequence[NDArray[np.uint8]]) -> list[PhotoPrediction]:
        """What is in each photo on its canvas, uint8 (H, W, 3), and where."""
        found: dict[int, PhotoPrediction] = {}
        for places in by_shape(images):
            photos = as_photos([images[place] for place in places])
            for place, said in zip(places, self.detector(photos), strict=True):
                found[place] = self.prediction(said, images[place].shape[1::-1])
        return [found[place] for place in range(len(images))]

    def prediction(self, said: Tensor, canvas: tuple[int, ...]) -> PhotoPrediction:
        """The answer of one photo on a canvas (width, height), from (A, K + 4)."""
        found = found_boxes(said, (canvas[0], canvas[1]), self.floors, self.meta.classes)
        probabilities = said[:, :-CORNERS].amax(0).sigmoid().cpu().numpy()
        return PhotoPrediction(probabilities, tuple(found), (), {})


def found_boxes(said: Tensor, canvas: tuple[int, int], floors: Tensor, classes: Sequence[str]) -> list[FoundBox]:
    """The boxes of one photo, best first, from (A, K + 4); `floors` (K,) are the lowest scores of each class."""
    boxes, labels, scores = boxes_of(said, canvas, floors.to(said.device))
    corners = (boxes.cpu().double() / torch.tensor([*canvas, *canvas])).clamp(0, 1)
    return [
        FoundBox(classes[label], (left, top, right, bottom), score)
        for label, (left, top, right, bottom), score in zip(
            labels.tolist(), corners.tolist(), scores.tolist(), strict=True
        )
    ]


def boxes_of(said: Tensor, canvas: tuple[int, int], floors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes (N, 4) in pixels, their classes' places (N,) and scores (N,), best first, from (A, K + 4).

    `floors` (K,) are the lowest scores of each class.
    """
    width, height = canvas
    scores = said[:, :-CORNERS].sigmoid()
    places, labels = torch.nonzero(scores >= floors, as_tuple=True)
    best = scores[places, labels].topk(min(CANDIDATES, len(places)))
    places, labels = places[best.indices], labels[best.indices]
    boxes = CODER.decode_single(said[places, -CORNERS:], anchors(canvas, said.device)[places])
    boxes = clip_boxes_to_image(boxes, (height, width))
    kept = batched_nms(boxes, best.values, labels, OVERLAP)[:MOST]
    return boxes[kept], labels[kept], best.values[kept]
