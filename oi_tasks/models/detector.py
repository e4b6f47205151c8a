"""A single-stage detector on the project's own encoders: RetinaNet, from torchvision's parts.

Source: Lin et al. 2017, *Focal Loss for Dense Object Detection*, arXiv:1708.02002. It is the baseline that the cascade
is compared with.
"""

from collections.abc import Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from oi_tasks.models.backbones import STRIDES, Encoder

LEVELS = (*STRIDES, 64, 128)  # strides of the maps that are looked at
SIDE = 2  # of the smallest anchor of a level, in strides: the paper's is 4, on photos four times as large
SHAPES = (0.5, 1.0, 2.0)  # height over width
STEPS = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))  # anchors of three sizes a level
GROUPS = 32  # of group normalisation, as in torchvision's second recipe of RetinaNet; of two channels or more
CORNERS = 4


class DetectorHead(nn.Module):  # type: ignore[misc]
    """From maps at strides 8, 16, 32 to what is said of each anchor."""

    def __init__(self, channels: Sequence[int], classes: int, width: int) -> None:
        super().__init__()
        self.pyramid = FeaturePyramidNetwork(list(channels), width, extra_blocks=LastLevelP6P7(width, width))
        self.retina = RetinaNetHead(width, len(SHAPES) * len(STEPS), classes, partial(nn.GroupNorm, GROUPS))

    def forward(self, *maps: Tensor) -> Tensor:
        """(B, A, K + 4): the logits of the classes, then the offsets of the box, of each anchor."""
        named = {str(level): level_maps for level, level_maps in enumerate(maps)}
        said = self.retina(list(self.pyramid(named).values()))
        return torch.cat([said["cls_logits"], said["bbox_regression"]], dim=2)


class Detector(nn.Module):  # type: ignore[misc]
    """Photos (B, 3, H, W) in [0, 1] → (B, A, K + 4) of A anchors. H and W are multiples of 32."""

    def __init__(self, backbone: str, classes: int, width: int) -> None:
        super().__init__()
        self.encoder = Encoder(backbone, pyramid_only=True)
        self.head = DetectorHead(self.encoder.pyramid_channels, classes, width)

    def encode(self, photos: Tensor) -> tuple[Tensor, ...]:
        """What the head reads: feature maps at strides 8, 16 and 32."""
        return tuple(self.encoder.pyramid(photos))

    def decode(self, features: tuple[Tensor, ...]) -> Tensor:
        """(B, A, K + 4) from the features of `encode`."""
        said: Tensor = self.head(*features)
        return said

    def forward(self, photos: Tensor) -> Tensor:
        """(B, A, K + 4)."""
        return self.decode(self.encode(photos))


def anchors(canvas: tuple[int, int], device: torch.device) -> Tensor:
    """(A, 4) the anchors of a canvas (width, height), as corners in pixels, in the order of the detector's answer."""
    width, height = canvas
    sizes = tuple(tuple(SIDE * stride * step for step in STEPS) for stride in LEVELS)
    generator = AnchorGenerator(sizes, (SHAPES,) * len(LEVELS))
    generator.set_cell_anchors(torch.float32, device)
    grids = [[-(-height // stride), -(-width // stride)] for stride in LEVELS]
    strides = [[torch.tensor(height // rows), torch.tensor(width // columns)] for rows, columns in grids]
    return cast(Tensor, torch.cat(generator.grid_anchors(grids, strides)).to(device))
