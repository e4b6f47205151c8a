"""Photos through an encoder on the CPU: all at once, as torch does it, against a few at a time on each core."""

from collections.abc import Iterator

import torch

from bench.measure import Figure, ratio
from oi_tasks.models.backbones import Encoder
from oi_tasks.training.device import cores

BACKBONE, SIDE, PHOTOS = "tf_efficientnet_lite2", 288, 64


@torch.inference_mode()
def figures() -> Iterator[Figure]:
    """How many times as fast the encoder goes through a batch."""
    torch.set_num_threads(cores())
    encoder = Encoder(BACKBONE).eval().to(memory_format=torch.channels_last)
    photos = torch.rand(PHOTOS, 3, SIDE, SIDE).contiguous(memory_format=torch.channels_last)

    def at_once() -> None:
        encoder.backbone((photos - encoder.mean) / encoder.std)

    gained = 1 / ratio(lambda: encoder(photos), at_once, before=at_once)
    text = f"{BACKBONE}, {PHOTOS} photos of {SIDE} px, {torch.get_num_threads()} threads"
    yield Figure("encoder_in_parts", gained, 1.5, True, "x", f"the whole batch at once: {text}")
