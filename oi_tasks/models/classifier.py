"""The classifier: which classes are in a photo."""

from torch import Tensor, nn

from oi_tasks.models.backbones import Encoder
from oi_tasks.models.heads import HEADS

SIDE = 256  # pixels, the long side of the canvases where none is given


class Classifier(nn.Module):  # type: ignore[misc]
    """Photos (B, 3, H, W) in [0, 1] → logits (B, C). H and W are multiples of 32, at most `side`, of any aspect."""

    def __init__(self, backbone: str, classes: int, head: str = "adaptive", side: int = SIDE) -> None:
        super().__init__()
        self.encoder = Encoder(backbone)
        self.head = HEADS[head](self.encoder.channels, classes, side)

    def encode(self, photos: Tensor) -> tuple[Tensor, ...]:
        """What the head reads: the last feature maps, (B, F, H/32, W/32)."""
        return (self.encoder(photos),)

    def decode(self, features: tuple[Tensor, ...]) -> Tensor:
        """Logits (B, C) from the features of `encode`."""
        logits: Tensor = self.head(*features)
        return logits

    def forward(self, photos: Tensor) -> Tensor:
        """Logits (B, C)."""
        return self.decode(self.encode(photos))
