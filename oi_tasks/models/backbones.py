"""Encoders: timm's convolutional backbones by name, with their own normalisation inside."""

import difflib

import timm
import torch
from timm.models import group_parameters
from torch import Tensor, nn

from oi_tasks.errors import BadInput
from oi_tasks.models.cpu_parts import in_parts

STRIDES = (8, 16, 32)  # of the maps that a segmentation decoder reads


class Encoder(nn.Module):  # type: ignore[misc]
    """A backbone without its head. Takes photos (B, 3, H, W) in [0, 1], H and W multiples of 32.

    With `pyramid_only` the layers after the last map of `pyramid()` are left out.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: str, pyramid_only: bool = False) -> None:
        super().__init__()
        self.backbone = _create(backbone)
        config = self.backbone.pretrained_cfg
        self.register_buffer("mean", torch.tensor(config["mean"]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(config["std"]).view(1, 3, 1, 1))
        strides = [level["reduction"] for level in self.backbone.feature_info]
        if not set(STRIDES) <= set(strides):
            raise _no_maps(backbone)
        self._levels = [strides.index(stride) for stride in STRIDES]
        self.pyramid_channels = [self.backbone.feature_info[level]["num_chs"] for level in self._levels]
        if pyramid_only:
            self.backbone.prune_intermediate_layers(self._levels, prune_norm=True, prune_head=True)
        else:
            self.channels = _channels(self.backbone, backbone)

    def forward(self, photos: Tensor) -> Tensor:
        """The last feature maps, (B, `channels`, H/32, W/32)."""
        return torch.cat(in_parts(lambda part: self.backbone(self._normalised(part)), photos, self.training))

    def _normalised(self, photos: Tensor) -> Tensor:
        return (photos - self.mean) / self.std

    def stages(self) -> list[list[nn.Parameter]]:
        """The parameters by stage of the backbone, as timm groups them: stem first, the last stage at the end.

        A stage of norms alone, as some backbones end with, counts to the one below it.
        """
        named = dict(self.backbone.named_parameters())
        grouped = group_parameters(self.backbone, self.backbone.group_matcher(coarse=True))
        stages: list[list[nn.Parameter]] = []
        for number in sorted(grouped):
            members = [named[name] for name in grouped[number] if name in named]
            if stages and all(parameter.ndim <= 1 for parameter in members):
                stages[-1] += members
            elif members:
                stages.append(members)
        return stages

    def pyramid(self, photos: Tensor) -> list[Tensor]:
        """Feature maps at strides 8, 16 and 32, with `pyramid_channels` channels."""
        asked = {"indices": self._levels, "stop_early": True, "intermediates_only": True}
        levels = in_parts(
            lambda part: self.backbone.forward_intermediates(self._normalised(part), **asked), photos, self.training
        )
        return [torch.cat(level) for level in zip(*levels, strict=True)]

    def with_pyramid(self, photos: Tensor) -> tuple[Tensor, list[Tensor]]:
        """What a call and `pyramid` give, from one pass through the backbone."""

        def both(part: Tensor) -> tuple[Tensor, ...]:
            last, maps = self.backbone.forward_intermediates(self._normalised(part), indices=self._levels)
            return self.backbone.forward_head(last), *maps

        last, *pyramid = (torch.cat(level) for level in zip(*in_parts(both, photos, self.training), strict=True))
        return last, pyramid


def _create(backbone: str) -> nn.Module:
    """A model of timm by its name, untrained and without a head. Raises BadInput for a name that is none."""
    if not timm.is_model(backbone):
        near = difflib.get_close_matches(backbone, timm.list_models(), n=3)
        fix = f"did you mean {' or '.join(near)}?" if near else "timm.list_models() names them all"
        raise BadInput(f"timm has no backbone {backbone!r}", fix=fix, code="backbone")
    try:
        return timm.create_model(backbone, pretrained=False, num_classes=0, global_pool="")
    except (TypeError, ValueError, AssertionError):
        raise _no_maps(backbone) from None


def _channels(model: nn.Module, backbone: str) -> int:
    """How many channels the last maps have: asked of the model itself, as timm's own numbers differ by family."""
    model.eval()
    try:
        with torch.inference_mode():
            shape = model(torch.zeros(1, 3, 64, 64)).shape
    except (RuntimeError, AssertionError):
        raise _no_maps(backbone) from None
    if len(shape) != 4:
        raise _no_maps(backbone)
    return int(shape[1])


def _no_maps(backbone: str) -> BadInput:
    text = f"the backbone {backbone!r} does not give feature maps at strides 8, 16 and 32 for photos of any shape"
    return BadInput(text, fix="choose a convolutional one: resnet, convnext, efficientnet, …", code="backbone")
