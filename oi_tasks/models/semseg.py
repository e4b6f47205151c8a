"""Coarse segmentation: an encoder, and a light decoder with skips down to stride 8."""

from typing import cast

from torch import Tensor, nn
from torch.nn.functional import interpolate

from oi_tasks.models.backbones import Encoder

WIDTH = 96  # channels of the decoder


class Decoder(nn.Module):
    """Features at strides 8, 16 and 32 to logits at stride 8; a feature pyramid (Lin et al. 2017) with one output."""

    def __init__(self, channels: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(count, WIDTH, 1) for count in channels)
        # Group normalisation: batches are small, and a frozen encoder's statistics say nothing of them.
        self.smooth = nn.ModuleList(
            nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.GroupNorm(8, WIDTH), nn.ReLU()) for _ in channels
        )
        self.out = nn.Conv2d(WIDTH, classes, 1)

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        """Finest first. Returns logits, (B, classes, H/8, W/8)."""
        merged: Tensor | None = None
        for features, lateral, smooth in reversed(list(zip(pyramid, self.lateral, self.smooth, strict=True))):
            here = lateral(features)
            if merged is not None:
                here = here + interpolate(merged, size=here.shape[-2:], mode="bilinear", align_corners=False)
            merged = smooth(here)
        return cast(Tensor, self.out(merged))


class Semseg(nn.Module):
    """Photos in [0, 1], (B, 3, H, W), to logits (B, classes, H/8, W/8), each class for itself."""

    def __init__(self, backbone: str, classes: int) -> None:
        super().__init__()
        self.encoder = Encoder(backbone)
        self.decoder = Decoder(self.encoder.pyramid_channels, classes)

    def forward(self, photos: Tensor) -> Tensor:
        """Logits at stride 8."""
        return cast(Tensor, self.decoder(self.encoder.pyramid(photos)))
