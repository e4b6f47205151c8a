"""Coarse segmentation: where the classes of one cluster are."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from oi_tasks.models.backbones import Encoder

WIDTH = 64  # channels of the decoder


def _layer(channels: int, kernel: int) -> nn.Sequential:
    """Convolution, normalisation, ReLU, at the same resolution."""
    convolution = nn.Conv2d(channels, WIDTH, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True))


class Decoder(nn.Module):  # type: ignore[misc]
    """From maps at strides 8, 16, 32 to logits at stride 8: upsample, join the skip, convolve (as U-Net does).

    The coarsest maps are convolved once more, and what the whole photo shows is added to each of their cells (as the
    image pooling of DeepLab v3 does): with a frozen encoder nothing else sees beyond its own surroundings.
    """

    def __init__(self, channels: list[int], classes: int) -> None:
        super().__init__()
        self.reduce = nn.ModuleList(_layer(count, kernel=1) for count in channels)
        self.deep = _layer(WIDTH, kernel=3)
        self.whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(WIDTH, WIDTH, 1), nn.ReLU())
        self.join = nn.ModuleList(_layer(2 * WIDTH, kernel=3) for _ in channels[:-1])
        self.classify = nn.Conv2d(WIDTH, classes, 1)

    def forward(self, *pyramid: Tensor) -> Tensor:
        """Logits (B, K, H/8, W/8); `pyramid` are the maps, finest first."""
        *skips, maps = [reduce(level) for reduce, level in zip(self.reduce, pyramid, strict=True)]
        maps = self.deep(maps)
        maps = maps + self.whole(maps)
        for join, skip in zip(reversed(self.join), reversed(skips), strict=True):
            maps = join(torch.cat([interpolate(maps, size=skip.shape[-2:], mode="bilinear"), skip], dim=1))
        logits: Tensor = self.classify(maps)
        return logits


class Semseg(nn.Module):  # type: ignore[misc]
    """Photos (B, 3, H, W) in [0, 1] → logits (B, K, H/8, W/8), independent per class. H and W are multiples of 32."""

    def __init__(self, backbone: str, classes: int) -> None:
        super().__init__()
        self.encoder = Encoder(backbone, pyramid_only=True)
        self.head = Decoder(self.encoder.pyramid_channels, classes)

    def encode(self, photos: Tensor) -> tuple[Tensor, ...]:
        """What the decoder reads: feature maps at strides 8, 16 and 32."""
        return tuple(self.encoder.pyramid(photos))

    def decode(self, features: tuple[Tensor, ...]) -> Tensor:
        """Logits (B, K, H/8, W/8) from the features of `encode`."""
        logits: Tensor = self.head(*features)
        return logits

    def forward(self, photos: Tensor) -> Tensor:
        """Logits (B, K, H/8, W/8)."""
        return self.decode(self.encode(photos))
