"""What every model that answers about photos has in common, whatever its parts."""

import io
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from oi_tasks.core.aspect import aspect_bin
from oi_tasks.io.rgb import as_rgb
from oi_tasks.models.box_rules import FoundBox
from oi_tasks.models.saved import ModelMeta

BATCH = 32


@dataclass(frozen=True)
class PhotoPrediction:
    """What is said of a photo: each class's probability, the boxes, the clusters that ran, their masks."""

    probabilities: NDArray[np.float32]
    boxes: tuple[FoundBox, ...]
    ran: tuple[str, ...]
    masks: dict[str, NDArray[np.float32]]


class Predictor(ABC):
    """A model that says what is in photos, and where."""

    meta: ModelMeta
    """Its classes, and the canvases that it takes photos on."""

    @property
    @abstractmethod
    def finds_boxes(self) -> bool:
        """Whether it says where things are, too."""

    @property
    def classes(self) -> tuple[str, ...]:
        """MIDs of the classes that it gives probabilities of."""
        return self.meta.classes

    @property
    def clusters(self) -> tuple[str, ...]:
        """Slugs of the clusters that look for boxes, where there are any."""
        return ()

    def canvas_of(self, width: int, height: int) -> tuple[int, int]:
        """The canvas, (width, height), of a photo of that size in pixels."""
        return self.meta.canvases[aspect_bin(width, height, tuple(self.meta.canvases))]

    def squashed(self, data: bytes) -> NDArray[np.uint8]:
        """An encoded photo on its canvas, as `predict_images` takes it. Raises OSError for bytes that are no image."""
        photo = Image.open(io.BytesIO(data))
        canvas = self.canvas_of(*photo.size)
        photo.draft("RGB", canvas)
        return np.asarray(as_rgb(photo).resize(canvas, Image.Resampling.BICUBIC))

    def predict(self, photos: Sequence[bytes]) -> list[PhotoPrediction]:
        """What is in each photo (an encoded image) and where. Raises OSError for bytes that are no image."""
        return self.predict_images([self.squashed(data) for data in photos])

    @abstractmethod
    def predict_images(self, images: Sequence[NDArray[np.uint8]]) -> list[PhotoPrediction]:
        """The same for photos on their canvas, uint8 (H, W, 3)."""


def by_shape(images: Sequence[NDArray[np.uint8]]) -> Iterator[list[int]]:
    """Places of images of one shape, a batch at a time."""
    shapes: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, image in enumerate(images):
        shapes[image.shape].append(place)
    for places in shapes.values():
        for start in range(0, len(places), BATCH):
            yield places[start : start + BATCH]


def as_photos(images: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Images of one shape as the networks take them: (B, 3, H, W) in [0, 1]."""
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return cast(Tensor, stacked.to(memory_format=torch.channels_last).float().div_(255))
