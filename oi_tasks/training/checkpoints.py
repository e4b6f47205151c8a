"""The whole state of training in one dict, saved and restored together; the newest states and the best model kept."""

import pickle
import random
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.amp import GradScaler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from oi_tasks.profile import Checkpoints
from oi_tasks.training.averaging import Averaged
from oi_tasks.training.ranks import gathered, rank

if TYPE_CHECKING:
    from oi_tasks.jobs.base import JobIO

STATE, BEST = "state-", "best"


@dataclass
class Progress:
    """How far training is. Batches and views are drawn from the seed, stage, epoch and row: with these three numbers
    it is the sampler's position too.
    """

    stage: int = 0
    epoch: int = 0  # of the stage
    step: int = 0  # of the epoch
    steps: int = 0  # of all stages so far
    loss_sum: float = 0.0  # over the photos of the epoch so far
    photos: int = 0  # of the epoch so far
    parts: int = 1  # that a batch is computed in, more once memory ran out
    best: float | None = None  # of the metric that models are judged by
    history: list[dict[str, Any]] = field(default_factory=list)  # one entry for each epoch that is done


@dataclass
class TrainingState:
    """All that training depends on, together with the random state of torch, numpy and Python."""

    model: nn.Module
    optimiser: Optimizer
    schedule: LRScheduler
    scaler: GradScaler
    average: Averaged | None
    progress: Progress

    def as_dict(self) -> dict[str, Any]:
        """Everything. Every rank must call it, as each has a random state of its own."""
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "progress": asdict(self.progress),
            "random": [_as_tensors(state) for state in gathered(_random_state())],
        }


def _random_state() -> dict[str, Any]:
    """The state of every random generator, without tensors, which plain pickles between ranks do not carry."""
    kind, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state().numpy(),
        "cuda": [state.numpy() for state in torch.cuda.get_rng_state_all()],
        "numpy": (str(kind), np.asarray(keys), int(position), int(has_gauss), float(gauss)),
        "python": random.getstate(),
    }


def _as_tensors(state: Any) -> Any:
    """A random state as it is saved: with tensors, which load without running code."""
    kind, keys, *rest = state["numpy"]
    return {
        "torch": torch.from_numpy(state["torch"].copy()),
        "cuda": [torch.from_numpy(one.copy()) for one in state["cuda"]],
        "numpy": (kind, torch.from_numpy(keys.copy()), *rest),
        "python": state["python"],
    }


def _set_random_state(saved: dict[str, Any]) -> None:
    torch.set_rng_state(saved["torch"])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state_all(saved["cuda"])
    kind, keys, *rest = saved["numpy"]
    np.random.set_state((kind, keys.numpy(), *rest))
    random.setstate(saved["python"])


def restore_model(saved: dict[str, Any], model: nn.Module) -> Progress:
    """Put back the model and the random state; returns how far training was."""
    model.load_state_dict(saved["model"])
    states = saved["random"]
    _set_random_state(states[rank() % len(states)])
    return Progress(**saved["progress"])


def restore_rest(saved: dict[str, Any], state: TrainingState) -> None:
    """Put back optimiser, schedule and scaler, which must be made for the stage that was under way."""
    state.optimiser.load_state_dict(saved["optimiser"])
    state.schedule.load_state_dict(saved["schedule"])
    state.scaler.load_state_dict(saved["scaler"])


class Keeper:
    """Keeps states in the store: the newest few, and the best model. Only rank 0 writes."""

    def __init__(self, io: "JobIO", asked: Checkpoints) -> None:
        self._io, self._asked, self._saved_at = io, asked, time.monotonic()
        self.kept = [name for name in io.checkpoints() if name.startswith(STATE)]

    def newest(self) -> dict[str, Any] | None:
        """The newest state that can be read, on the CPU."""
        for name in reversed(self.kept):
            found = self._read(name)
            if found is not None:
                return found
            self._io.log(f"{self._io.job.name}: the state {name} is damaged and left aside")
        return None

    def best(self) -> dict[str, Any] | None:
        """The weights of the best model so far."""
        return self._read(BEST)

    @property
    def due(self) -> bool:
        """Whether it is time for another state within an epoch."""
        return time.monotonic() - self._saved_at >= 60 * self._asked.minutes

    def save(self, state: TrainingState) -> None:
        """Keep a state, and forget the oldest ones beyond the number asked for."""
        whole = state.as_dict()
        self._saved_at = time.monotonic()
        if rank() > 0:
            return
        name = f"{STATE}{state.progress.steps:012d}"
        self._write(name, whole)
        self.kept = [*(kept for kept in self.kept if kept != name), name]
        self._io.drop_checkpoints(self.kept[: -self._asked.keep])
        self.kept = self.kept[-self._asked.keep :]

    def save_best(self, model: nn.Module) -> None:
        """Keep a model as the best one."""
        if rank() == 0:
            self._write(BEST, model.state_dict())

    def _write(self, name: str, value: dict[str, Any]) -> None:
        path = self._io.scratch / "state.pt"
        torch.save(value, path)
        self._io.save_checkpoint(path, name)

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self._io.load_checkpoint(name)
        return None if path is None else read_state(path)


def read_state(path: Path) -> dict[str, Any] | None:
    """A file of `torch.save` on the CPU, without running code of it; None when it is damaged."""
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError):
        return None
    return saved
