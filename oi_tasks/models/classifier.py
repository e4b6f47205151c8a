"""The classifier: an encoder, adaptive pooling, and one linear layer."""

from typing import cast

import torch
from torch import Tensor, nn

from oi_tasks.models.backbones import Encoder


class Classifier(nn.Module):
    """Photos in [0, 1], (B, 3, H, W) of any aspect, to logits (B, classes)."""

    def __init__(self, backbone: str, classes: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.encoder = Encoder(backbone)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.encoder.features, classes))

    def encode(self, photos: Tensor) -> Tensor:
        """Pooled features, (B, features): adaptive pooling makes the aspect bins agree."""
        return torch.flatten(nn.functional.adaptive_avg_pool2d(self.encoder(photos), 1), 1)

    def forward(self, photos: Tensor) -> Tensor:
        """Logits, (B, classes)."""
        return cast(Tensor, self.head(self.encode(photos)))
