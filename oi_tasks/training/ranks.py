"""Several processes that train one model, started by `torchrun`; a process alone is rank 0 of 1."""

import os
from collections.abc import Sequence

import torch
from torch import distributed


def ranks() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """The number of this process among them."""
    return distributed.get_rank() if distributed.is_initialized() else int(os.environ.get("RANK", "0"))


def join(device: torch.device) -> torch.device:
    """Meet the other processes, where there are any: gloo on the CPU, NCCL on GPUs. Returns this process's device."""
    if ranks() == 1:
        return device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return device


def leave() -> None:
    """Wait for the other processes, and part."""
    if distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()


def sums(values: Sequence[float], device: torch.device) -> list[float]:
    """Each of some numbers, summed over all processes."""
    if ranks() == 1:
        return list(values)
    held = torch.tensor(values, dtype=torch.float64, device=device)
    distributed.all_reduce(held)
    found: list[float] = held.tolist()
    return found


def gathered(value: object) -> list[object]:
    """What each process holds, in the order of ranks."""
    if ranks() == 1:
        return [value]
    held: list[object] = [None] * ranks()
    distributed.all_gather_object(held, value)
    return held
