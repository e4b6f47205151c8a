"""The classifier: which classes are in a photo."""

from collections.abc import Callable

from torch import Tensor, nn

from oi_tasks.models.backbones import Encoder

DROPOUT = 0.2


def adaptive_head(channels: int, classes: int) -> nn.Sequential:
    """Average pooling over maps of any shape, dropout, one linear layer."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(DROPOUT), nn.Linear(channels, classes))


HEADS: dict[str, Callable[[int, int], nn.Module]] = {"adaptive": adaptive_head}


class Classifier(nn.Module):  # type: ignore[misc]
    """Photos (B, 3, H, W) in [0, 1] → logits (B, C). H and W are multiples of 32, of any aspect."""

    def __init__(self, backbone: str, classes: int, head: str = "adaptive") -> None:
        super().__init__()
        self.encoder = Encoder(backbone)
        self.head = HEADS[head](self.encoder.channels, classes)

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
