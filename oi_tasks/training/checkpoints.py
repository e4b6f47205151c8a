"""The whole state of training in one dict, saved and restored together."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


@dataclass
class Progress:
    """How far training is."""

    stage: int = 0
    epoch: int = 0  # of the stage
    step: int = 0  # of the epoch
    loss_sum: float = 0.0  # over the photos of the epoch so far
    photos: int = 0  # of the epoch so far
    history: list[dict[str, Any]] = field(default_factory=list)  # one entry for each epoch that is done


@dataclass
class TrainingState:
    """Model, optimiser, schedule and progress; together with torch's random state, all that training depends on.

    Batches and views are drawn from the seed, stage, epoch and row, so they need no state of their own.
    """

    model: nn.Module
    optimiser: Optimizer
    schedule: LRScheduler
    progress: Progress

    def save(self, path: Path) -> None:
        """Write everything to a file."""
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "schedule": self.schedule.state_dict(),
                "progress": asdict(self.progress),
                "random": {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()},
            },
            path,
        )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What `TrainingState.save` wrote, on the CPU."""
    saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return saved


def restore_model(saved: dict[str, Any], model: nn.Module) -> Progress:
    """Put back the model and torch's random state; returns how far training was."""
    model.load_state_dict(saved["model"])
    torch.set_rng_state(saved["random"]["cpu"])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state_all(saved["random"]["cuda"])
    return Progress(**saved["progress"])


def restore_optimiser(saved: dict[str, Any], optimiser: Optimizer, schedule: LRScheduler) -> None:
    """Put back optimiser and schedule, which must be made for the stage that was under way."""
    optimiser.load_state_dict(saved["optimiser"])
    schedule.load_state_dict(saved["schedule"])
