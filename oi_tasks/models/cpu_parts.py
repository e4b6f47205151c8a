"""Many photos through a network on a CPU, where nothing is learnt from them: a few at a time, on each core its own.

The maps of a few photos stay in a core's cache: 64 photos of 288 px at once take twice the processor's time for each
photo, and cores that share each layer wait for each other (docs/benchmarks.md).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

import torch
from torch import Tensor

PIXELS = 4 * 288 * 288  # of the photos that go through at once
T = TypeVar("T")


def in_parts(work: Callable[[Tensor], T], photos: Tensor, training: bool) -> list[T]:
    """What `work` makes of photos (B, 3, H, W), part by part in order; all at once on a GPU, or where it may learn."""
    if photos.device.type != "cpu" or training or torch.is_grad_enabled():
        return [work(photos)]
    parts = photos.split(max(1, PIXELS // (photos.shape[2] * photos.shape[3])))
    allowed = torch.get_num_threads()
    if min(len(parts), allowed) == 1:
        return [work(part) for part in parts]
    alike = _as_here()

    def apart(part: Tensor) -> T:
        with alike():
            return work(part)

    try:
        with ThreadPoolExecutor(allowed, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(apart, parts))
    finally:
        torch.set_num_threads(allowed)  # of MKL there is one number for all threads


def _as_here() -> Callable[[], ExitStack]:
    """Makes another thread compute as this one does: torch keeps the modes of inference and precision by thread."""
    inference, mixed = torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")
    kind = torch.get_autocast_dtype("cpu")

    def entered() -> ExitStack:
        stack = ExitStack()
        stack.enter_context(torch.inference_mode() if inference else torch.no_grad())
        stack.enter_context(torch.autocast("cpu", kind, enabled=mixed))
        return stack

    return entered
