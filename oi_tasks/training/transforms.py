"""Augmentation: a crop, a mirror image, light and colour, the same for a photo and its boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional

SMALLEST = 0.7  # share of a photo's area that a crop keeps at least


@dataclass(frozen=True)
class Strength:
    """How much views change a photo."""

    smallest: float
    """Share of a photo's area that a crop keeps at least."""
    colour: float
    """Brightness, contrast and saturation change by at most this share, up or down."""


SETS = {"minor": Strength(SMALLEST, 0.0), "modest": Strength(0.5, 0.25)}


_COLOUR = (functional.adjust_brightness, functional.adjust_contrast, functional.adjust_saturation)


@dataclass(frozen=True)
class View:
    """A part of a photo, in shares of its width and height, perhaps mirrored."""

    left: float
    top: float
    side: float
    """Width and height of the part: shares, so that it keeps the canvas's aspect."""
    mirrored: bool
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Factors of brightness, contrast and saturation."""

    @classmethod
    def draw(cls, random: np.random.Generator, strength: Strength = SETS["minor"]) -> "View":
        """A part of the area, anywhere, of at least the smallest share; every second one mirrored."""
        side = float(np.sqrt(random.uniform(strength.smallest, 1.0)))
        left, top = random.uniform(0.0, 1.0 - side, 2)
        mirrored = bool(random.random() < 0.5)
        if not strength.colour:
            return cls(float(left), float(top), side, mirrored)
        brightness, contrast, saturation = random.uniform(1 - strength.colour, 1 + strength.colour, 3)
        return cls(float(left), float(top), side, mirrored, (float(brightness), float(contrast), float(saturation)))

    def of_photo(self, photo: Tensor) -> Tensor:
        """The part of a photo (3, H, W), at the size of the whole."""
        height, width = photo.shape[-2:]
        part = functional.resized_crop(
            photo,
            top=round(self.top * height),
            left=round(self.left * width),
            height=round(self.side * height),
            width=round(self.side * width),
            size=[height, width],
            antialias=True,
        )
        seen: Tensor = functional.horizontal_flip(part) if self.mirrored else part
        for change, factor in zip(_COLOUR, self.colour, strict=True):
            if factor != 1.0:
                seen = change(seen, factor)
        return seen

    def of_boxes(self, boxes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The boxes as they stand in the part; those outside of it are left out."""
        seen = []
        for box in boxes:
            x_min, y_min, x_max, y_max = box["box"]
            x_min, x_max = ((x - self.left) / self.side for x in (x_min, x_max))
            y_min, y_max = ((y - self.top) / self.side for y in (y_min, y_max))
            if self.mirrored:
                x_min, x_max = 1.0 - x_max, 1.0 - x_min
            x_min, y_min, x_max, y_max = (min(max(value, 0.0), 1.0) for value in (x_min, y_min, x_max, y_max))
            if x_min < x_max and y_min < y_max:
                seen.append({**box, "box": [x_min, y_min, x_max, y_max]})
        return seen


def as_tensor(photo: np.ndarray[Any, np.dtype[np.uint8]]) -> Tensor:
    """A photo (H, W, 3) as a uint8 tensor (3, H, W)."""
    return torch.from_numpy(photo.copy()).permute(2, 0, 1)
