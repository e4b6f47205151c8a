"""The cascade: the classifier says what is in a photo, the clusters it names say where. The one way of inference."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from oi_tasks.models.box_rules import BoxRules, FoundBox, boxes_of_class, without_duplicates
from oi_tasks.models.predictor import PhotoPrediction, Predictor, as_photos, by_shape
from oi_tasks.models.saved import ModelMeta, load_model

PINNED = "cascade.json"


class Pinned(BaseModel):
    """Which exact versions a cascade is made of, registered names and version numbers; and how masks become boxes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    parts: dict[str, int]
    dataset: str
    classes_key: str
    rules: dict[str, BoxRules] = {}  # by cluster; the defaults for one that is not named
    duplicates: float = 1.0  # IoU above which of two clusters' boxes the better one stays


class Cascade(Predictor):
    """A classifier and the segmentation models of its clusters."""

    def __init__(
        self, classifier: tuple[nn.Module, ModelMeta], semseg: dict[str, tuple[nn.Module, ModelMeta]], pinned: Pinned
    ) -> None:
        self.classifier, self.meta = classifier
        self.semseg, self.pinned = semseg, pinned
        place = {label: index for index, label in enumerate(self.meta.classes)}
        self.places = {slug: [place[label] for label in meta.classes] for slug, (_, meta) in semseg.items()}
        self.sharing = {slug for slug, (model, _) in semseg.items() if _equal_encoders(self.classifier, model)}
        """Clusters whose encoder is the classifier's: one pass through it serves them all."""

    @property
    def clusters(self) -> tuple[str, ...]:
        """Slugs of the clusters."""
        return tuple(sorted(self.semseg))

    @property
    def finds_boxes(self) -> bool:
        """A classifier without clusters finds none."""
        return bool(self.semseg)

    @classmethod
    def load(cls, folder: Path) -> "Cascade":
        """From a folder: `classifier/`, `semseg/<slug>/`, each with a model's two files, and `cascade.json`."""
        parts = sorted((folder / "semseg").glob("*/")) if (folder / "semseg").is_dir() else []
        pinned = Pinned.model_validate_json((folder / PINNED).read_text())
        return cls(load_model(folder / "classifier"), {part.name: load_model(part) for part in parts}, pinned)

    @torch.inference_mode()
    def predict_images(
        self, images: Sequence[NDArray[np.uint8]], route: dict[int, Sequence[str]] | None = None
    ) -> list[PhotoPrediction]:
        """The same for photos on their canvas, uint8 (H, W, 3).

        `route` names the clusters to run for a photo by its place, beside those that the classifier names.
        """
        found: dict[int, PhotoPrediction] = {}
        for places in by_shape(images):
            photos = as_photos([images[place] for place in places])
            logits, pyramid = self._classified(photos)
            softmax = self.meta.activation == "softmax"
            said = (logits.softmax(1) if softmax else logits.sigmoid()).numpy()
            masks = self._masks(photos, pyramid, self._routed(said, places, route or {}))
            for row, place in enumerate(places):
                found[place] = self._prediction(said[row], masks[row])
        return [found[place] for place in range(len(images))]

    def _classified(self, photos: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The classifier's logits, and what the clusters that share its encoder read: nothing where none does."""
        if not self.sharing:
            return self.classifier(photos), []
        last, pyramid = self.classifier.encoder.with_pyramid(photos)
        return self.classifier.decode((self.classifier.with_mirrored(photos, last),)), pyramid

    def _routed(
        self, said: NDArray[np.float32], places: Sequence[int], route: dict[int, Sequence[str]]
    ) -> dict[str, list[int]]:
        """The rows that each cluster looks at: where a class of it reaches its threshold, or `route` names it."""
        return {
            slug: [row for row, place in enumerate(places) if named[row] or slug in route.get(place, ())]
            for slug, named in self.sent(said).items()
        }

    def sent(self, said: NDArray[np.floating[Any]]) -> dict[str, NDArray[np.bool_]]:
        """(N,) by cluster: the photos that the classifier sends there, by its probabilities (N, C)."""
        thresholds = np.array(self.meta.thresholds)
        return {slug: np.any(said[:, own] >= thresholds[own], axis=1) for slug, own in self.places.items()}

    @torch.inference_mode()
    def seconds_of_passes(self, image: NDArray[np.uint8]) -> dict[str, float]:
        """What the pass of each cluster takes on a photo, uint8 (H, W, 3), without what the classifier shares."""
        photos = as_photos([image])
        _, pyramid = self._classified(photos)
        took = {}
        for slug in self.clusters:
            started = time.perf_counter()
            self._masks(photos, pyramid, {slug: [0]})
            took[slug] = time.perf_counter() - started
        return took

    def _masks(
        self, photos: Tensor, pyramid: list[Tensor], routed: dict[str, list[int]]
    ) -> list[dict[str, NDArray[np.float32]]]:
        """For each photo the masks of the clusters that ran, (classes, h, w)."""
        masks: list[dict[str, NDArray[np.float32]]] = [{} for _ in photos]
        for slug, rows in routed.items():
            if not rows:
                continue
            model, _ = self.semseg[slug]
            shared = slug in self.sharing
            logits = model.decode(tuple(level[rows] for level in pyramid)) if shared else model(photos[rows])
            for row, mask in zip(rows, logits.sigmoid().numpy(), strict=True):
                masks[row][slug] = mask
        return masks

    def _prediction(self, said: NDArray[np.float32], masks: dict[str, NDArray[np.float32]]) -> PhotoPrediction:
        boxes = self.boxes(said, masks, self.pinned.rules, self.pinned.duplicates)
        return PhotoPrediction(said, tuple(boxes), tuple(sorted(masks)), masks)

    def boxes(
        self,
        said: NDArray[np.float32],
        masks: Mapping[str, NDArray[np.float32]],
        rules: Mapping[str, BoxRules],
        duplicates: float,
    ) -> list[FoundBox]:
        """The boxes that rules make of a photo's probabilities (C,) and masks (K, h, w) by cluster; best score first.

        Only classes that reach their thresholds have boxes.
        """
        boxes: list[FoundBox] = []
        for slug, mask in masks.items():
            meta, own = self.semseg[slug][1], rules.get(slug, BoxRules())
            for channel, place in enumerate(self.places[slug]):
                if said[place] >= self.meta.thresholds[place]:
                    boxes += boxes_of_class(
                        mask[channel], meta.thresholds[channel], float(said[place]), own, meta.classes[channel], slug
                    )
        return without_duplicates(boxes, duplicates)


def _equal_encoders(classifier: nn.Module, semseg: nn.Module) -> bool:
    """Whether a segmentation model reads what the classifier's encoder makes: the same layers, the same weights."""
    own, other = classifier.encoder, semseg.encoder
    if type(own.backbone) is not type(other.backbone):
        return False
    tensors = own.state_dict()
    return all(
        name in tensors and tensors[name].shape == tensor.shape and torch.equal(tensors[name], tensor)
        for name, tensor in other.state_dict().items()
    )
