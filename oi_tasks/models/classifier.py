"""The classifier: which classes are in a photo."""

import torch
from torch import Tensor, nn

from oi_tasks.models.backbones import Encoder
from oi_tasks.models.heads import HEADS

SIDE = 256  # pixels, the long side of the canvases where none is given


class Classifier(nn.Module):  # type: ignore[misc]
    """Photos (B, 3, H, W) in [0, 1] → logits (B, C). H and W are multiples of 32, at most `side`, of any aspect.

    With `mirror` the head reads the mean of what the encoder sees of a photo and of its mirror image.
    """

    def __init__(
        self, backbone: str, classes: int, head: str = "adaptive", side: int = SIDE, mirror: bool = False
    ) -> None:
        super().__init__()
        self.encoder = Encoder(backbone)
        self.head = HEADS[head](self.encoder.channels, classes, side)
        self.mirror = mirror

    def encode(self, photos: Tensor) -> tuple[Tensor, ...]:
        """What the head reads: the last feature maps, (B, F, H/32, W/32)."""
        return (self.with_mirrored(photos, self.encoder(photos)),)

    def with_mirrored(self, photos: Tensor, maps: Tensor) -> Tensor:
        """The encoder's maps of photos, made the mean with those of the mirrored photos where that is asked for."""
        if not self.mirror:
            return maps
        mirrored: Tensor = self.encoder(photos.flip(3).contiguous(memory_format=torch.channels_last))
        return (maps + mirrored.flip(3)) / 2

    def decode(self, features: tuple[Tensor, ...]) -> Tensor:
        """Logits (B, C) from the features of `encode`."""
        logits: Tensor = self.head(*features)
        return logits

    def forward(self, photos: Tensor) -> Tensor:
        """Logits (B, C)."""
        return self.decode(self.encode(photos))
