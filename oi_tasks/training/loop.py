"""The loop: stages of epochs, one state saved and restored as a whole, the same for every model."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from oi_tasks.errors import OiError, Stopped
from oi_tasks.jobs.base import JobIO

WEIGHT_DECAY = 0.01


class Log(Protocol):
    """Where numbers go while training runs."""

    def log(self, metrics: dict[str, float], step: int) -> None:
        """Numbers of one step."""


@dataclass(frozen=True)
class Step:
    """One batch: the ids of its photos, and a function that gives its loss."""

    ids: Sequence[str]
    loss: Callable[[], Tensor]


@dataclass(frozen=True)
class Stage:
    """Some epochs with one optimiser and a one-cycle rate (Smith 2018).

    `groups` are AdamW's parameter groups, each with its highest rate under `lr`; `steps(epoch, start)` gives the
    epoch's batches from one on; `prepare` sets what trains and what stands still.
    """

    name: str
    epochs: int
    steps_per_epoch: int
    groups: list[dict[str, Any]]
    steps: Callable[[int, int], Iterator[Step]]
    prepare: Callable[[], None]


@dataclass
class State:
    """Where training stands. `history` holds a row for each epoch done."""

    stage: int = 0
    epoch: int = 0
    step: int = 0
    total: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)


def fit(
    io: JobIO, model: nn.Module, stages: Sequence[Stage], validate: Callable[[], dict[str, float]], log: Log, unit: str
) -> list[dict[str, Any]]:
    """Train through all stages. Returns the history: a row an epoch, with loss, rate and what `validate` says.

    A state kept by an earlier run of the same job is taken up where it stopped, and ends with the same weights. After
    SIGTERM the state is saved and Stopped raised; it is also saved after each epoch. Raises OiError naming the photos
    of a batch whose loss is not finite.
    """
    state, saved = _restore(io, model)
    while state.stage < len(stages):
        stage = stages[state.stage]
        if stage.epochs and stage.steps_per_epoch:
            stage.prepare()
            optimiser = AdamW(stage.groups, weight_decay=WEIGHT_DECAY)
            schedule = OneCycleLR(
                optimiser, [group["lr"] for group in stage.groups], total_steps=stage.epochs * stage.steps_per_epoch
            )
            if saved is not None:
                optimiser.load_state_dict(saved["optimiser"])
                schedule.load_state_dict(saved["schedule"])
                torch.set_rng_state(saved["rng"])
                saved = None
            _run_stage(io, model, stage, state, optimiser, schedule, validate, log, unit)
        state.stage, state.epoch, state.step = state.stage + 1, 0, 0
    return state.history


def _run_stage(
    io: JobIO,
    model: nn.Module,
    stage: Stage,
    state: State,
    optimiser: AdamW,
    schedule: OneCycleLR,
    validate: Callable[[], dict[str, float]],
    log: Log,
    unit: str,
) -> None:
    while state.epoch < stage.epochs:
        what = f"{io.job.name}: {stage.name} epoch {state.epoch + 1} of {stage.epochs}"
        with io.progress(what, unit=unit) as progress:
            stage.prepare()
            for step in stage.steps(state.epoch, state.step):
                state.total += _take(step, optimiser, schedule)
                state.step += 1
                progress.update(len(step.ids), f"loss {state.total / state.step:.4f}")
                if io.stopping:
                    _save(io, model, optimiser, schedule, state)
                    raise Stopped(f"stopped in {what}, the state is saved", fix="run the same job again to go on")
        row = {"stage": stage.name, "epoch": state.epoch + 1, "loss": state.total / max(state.step, 1)}
        row |= {"rate": schedule.get_last_lr()[-1], **validate()}
        state.history.append(row)
        log.log({key: value for key, value in row.items() if isinstance(value, float)}, len(state.history))
        io.log(", ".join(f"{key} {value:.4g}" for key, value in row.items() if isinstance(value, float)))
        state.epoch, state.step, state.total = state.epoch + 1, 0, 0.0
        _save(io, model, optimiser, schedule, state)


def _take(step: Step, optimiser: AdamW, schedule: OneCycleLR) -> float:
    loss = step.loss()
    if not torch.isfinite(loss):
        shown = ", ".join(step.ids[:8]) + (" and more" if len(step.ids) > 8 else "")
        raise OiError(
            f"the loss is {loss.item()}, in the batch of {shown}", fix="lower the rate", code="loss_not_finite"
        )
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    schedule.step()
    return float(loss.detach())


def _save(io: JobIO, model: nn.Module, optimiser: AdamW, schedule: OneCycleLR, state: State) -> None:
    path = io.scratch / "state.pt"
    torch.save(
        {
            "model": model.state_dict(),
            "optimiser": optimiser.state_dict(),
            "schedule": schedule.state_dict(),
            "rng": torch.get_rng_state(),
            "state": vars(state),
        },
        path,
    )
    io.save_checkpoint(path)


def _restore(io: JobIO, model: nn.Module) -> tuple[State, dict[str, Any] | None]:
    path = io.load_checkpoint()
    if path is None:
        return State(), None
    saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(saved["model"])
    state = State(**saved["state"])
    io.log(f"{io.job.name}: going on from stage {state.stage + 1}, epoch {state.epoch + 1}, step {state.step}")
    return state, saved
