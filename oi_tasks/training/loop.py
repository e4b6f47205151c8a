"""The training loop: stages of epochs of steps, checkpointed after each epoch and when the job is told to stop."""

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from oi_tasks.errors import OiError, Stopped
from oi_tasks.io.progress import ProgressLine
from oi_tasks.jobs.base import JobIO
from oi_tasks.training.checkpoints import (
    Progress,
    TrainingState,
    read_checkpoint,
    restore_model,
    restore_optimiser,
)
from oi_tasks.training.learner import Batch, Learner
from oi_tasks.training.schedules import Stage, optimiser_of, schedule_of

if TYPE_CHECKING:
    from oi_tasks.io.tracking import TrackedRun


def fit(io: JobIO, learner: Learner, stages: Sequence[Stage], seed: int, run: "TrackedRun") -> list[dict[str, Any]]:
    """Train through all stages, from the job's checkpoint if there is one. Returns the figures of each epoch.

    Raises Stopped once the state is saved after SIGTERM, and OiError when the loss is no number.
    """
    found = io.load_checkpoint()
    saved = read_checkpoint(found) if found else None
    progress = restore_model(saved, learner.model) if saved else Progress()
    if saved:
        io.log(f"{io.job.name}: goes on after {len(progress.history)} epochs and {progress.step} steps")
        for done, figures in enumerate(progress.history):
            run.log(_numbers(figures), done)
    for number, stage in enumerate(stages):
        if number < progress.stage or (number == progress.stage and progress.epoch == stage.epochs):
            continue
        if number > progress.stage:
            progress.stage, progress.epoch = number, 0
            saved = None
        _enter(io, learner, stage)
        optimiser = optimiser_of(learner.model, stage)
        steps = len(learner.plan([seed, number, 0]))
        schedule = schedule_of(optimiser, stage, steps * stage.epochs)
        if saved:
            restore_optimiser(saved, optimiser, schedule)
        _run_stage(io, learner, stage, seed, run, TrainingState(learner.model, optimiser, schedule, progress))
    return progress.history


def _enter(io: JobIO, learner: Learner, stage: Stage) -> None:
    """Get the learner ready for a stage. Raises Stopped after SIGTERM: what is computed here is computed again."""
    with io.progress(f"{io.job.name}, encoder") as line:

        def alive(photos: int) -> None:
            line.update(photos)
            if io.stopping:
                raise Stopped("stopped before an epoch began", fix="run it again to go on")

        learner.enter(stage, alive)


def _run_stage(io: JobIO, learner: Learner, stage: Stage, seed: int, run: "TrackedRun", state: TrainingState) -> None:
    """The epochs of a stage that are still to do."""
    progress, size = state.progress, len(learner.train)
    with io.progress(f"{io.job.name}, {stage.name}", (stage.epochs - progress.epoch) * size - progress.photos) as line:
        while progress.epoch < stage.epochs:
            started, before = time.monotonic(), progress.photos
            _run_epoch(io, learner, [seed, progress.stage, progress.epoch], state, line)
            speed = (size - before) / (time.monotonic() - started)
            learner.mode(learning=False)
            figures = {
                "stage": stage.name,
                "epoch": progress.epoch + 1,
                "loss": progress.loss_sum / size,
                "rate": state.schedule.get_last_lr()[0],
                **{f"tune_{name}": value for name, value in learner.scores().metrics.items()},
            }
            run.log({**_numbers(figures), "photos_per_second": speed}, len(progress.history))
            progress.history.append(figures)
            progress.epoch, progress.step, progress.loss_sum, progress.photos = progress.epoch + 1, 0, 0.0, 0
            _checkpoint(io, state)


def _run_epoch(io: JobIO, learner: Learner, seed: list[int], state: TrainingState, line: ProgressLine) -> None:
    """The steps of an epoch that are still to do."""
    progress = state.progress
    learner.mode(learning=True)
    plan = learner.plan(seed)[progress.step :]
    for batch in learner.learning_batches(plan, seed):
        loss = _step(learner, batch, state)
        progress.step += 1
        progress.photos += len(batch)
        progress.loss_sum += loss * len(batch)
        line.update(
            len(batch), f"epoch {progress.epoch + 1}, loss {loss:.4f}, rate {state.schedule.get_last_lr()[0]:.2e}"
        )
        if io.stopping:
            _checkpoint(io, state)
            raise Stopped(f"stopped in epoch {progress.epoch + 1} with the state saved", fix="run it again to go on")


def _step(learner: Learner, batch: Batch, state: TrainingState) -> float:
    """Learn from one batch; returns its loss. Raises OiError when that is no number."""
    loss = learner.loss(learner.logits(batch), batch)
    value = float(loss.detach())
    if not math.isfinite(value):
        fix = "lower the learning rates, or look at these photos"
        raise OiError(f"the loss of a batch is {value}: photos {', '.join(batch.ids)}", fix=fix, code="loss")
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    state.optimiser.step()
    state.schedule.step()
    return value


def _checkpoint(io: JobIO, state: TrainingState) -> None:
    path = io.scratch / "state.pt"
    state.save(path)
    io.save_checkpoint(path)


def _numbers(figures: dict[str, Any]) -> dict[str, float]:
    """What MLflow plots."""
    return {name: value for name, value in figures.items() if isinstance(value, (int, float))}
