"""Encoders by their timm name; normalisation is part of the network, so that nobody forgets it."""

from typing import cast

import timm
import torch
from torch import Tensor, nn

from oi_tasks.errors import BadInput, Unreachable

STRIDES = (8, 16, 32)


class Encoder(nn.Module):
    """A backbone without its head. Takes photos in [0, 1], normalises them as the backbone was trained."""

    mean: Tensor
    std: Tensor

    def __init__(self, name: str) -> None:
        super().__init__()
        if not timm.is_model(name):
            near = ", ".join(timm.list_models(f"*{name[:6]}*")[:5]) or "see timm.list_models()"
            raise BadInput(f"there is no backbone {name!r}", where="classifier.backbone", fix=f"such as {near}")
        self.name = name
        self.net = timm.create_model(name, pretrained=False, num_classes=0, global_pool="")
        config = self.net.pretrained_cfg
        self.register_buffer("mean", torch.tensor(config["mean"]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config["std"]).view(1, 3, 1, 1), persistent=False)
        reductions = list(self.net.feature_info.reduction())
        if not set(STRIDES) <= set(reductions):
            raise BadInput(f"the backbone {name!r} has no features at strides {STRIDES}", where="classifier.backbone")
        # Of several features at one stride the last is the deepest.
        self._indices = [len(reductions) - 1 - reductions[::-1].index(stride) for stride in STRIDES]
        self.pyramid_channels = tuple(self.net.feature_info.channels()[index] for index in self._indices)

    @property
    def features(self) -> int:
        """Channels of the last features."""
        return cast(int, self.net.num_features)

    def _normalised(self, photos: Tensor) -> Tensor:
        return (photos - self.mean) / self.std

    def forward(self, photos: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to the last features, (B, features, H/32, W/32)."""
        return cast(Tensor, self.net.forward_features(self._normalised(photos)))

    def pyramid(self, photos: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [0, 1] to features at strides 8, 16 and 32."""
        found = self.net.forward_intermediates(self._normalised(photos), indices=self._indices, intermediates_only=True)
        return cast("list[Tensor]", found)


def load_imagenet(encoder: Encoder) -> None:
    """Fill an encoder with timm's own ImageNet weights. Raises Unreachable without its hub."""
    try:
        other = timm.create_model(encoder.name, pretrained=True, num_classes=0, global_pool="")
    except Exception as error:
        what = f"the ImageNet weights of {encoder.name} cannot be fetched: {type(error).__name__}"
        fix = "without internet, name a file of weights in classifier.weights"
        raise Unreachable(what, where="the model hub", fix=fix, code="weights_hub") from None
    encoder.net.load_state_dict(other.state_dict())
