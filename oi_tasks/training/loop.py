"""The training loop: stages of epochs of steps, its whole state kept so that it goes on wherever it ended."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch.amp import GradScaler

from oi_tasks.errors import Stopped
from oi_tasks.io.progress import ProgressLine
from oi_tasks.jobs.base import JobIO
from oi_tasks.training.averaging import Averaged
from oi_tasks.training.checkpoints import Keeper, Progress, TrainingState, restore_model, restore_rest
from oi_tasks.training.learner import Learner, Scores
from oi_tasks.training.pictures import sample_grid
from oi_tasks.training.ranks import ranks, sums
from oi_tasks.training.schedules import Stage, optimiser_of, schedule_of
from oi_tasks.training.steps import learn

if TYPE_CHECKING:
    from oi_tasks.io.tracking import TrackedRun

Losses = list[tuple[int, dict[str, float]]]
GO_ON = "run it again to go on"


def fit(
    io: JobIO, learner: Learner, stages: Sequence[Stage], seed: int, run: "TrackedRun | None"
) -> list[dict[str, Any]]:
    """Train through all stages, from the newest state that is kept. Returns the figures of each epoch.

    `run` is None on ranks other than 0. Raises Stopped once the state is saved after SIGTERM, and OiError when the
    loss is no number.
    """
    return _Fitting(io, learner, stages, seed, run).run()


class _Fitting:
    """One run of the loop: what stays the same through it."""

    def __init__(
        self, io: JobIO, learner: Learner, stages: Sequence[Stage], seed: int, run: "TrackedRun | None"
    ) -> None:
        self.io, self.learner, self.stages, self.seed, self.tracked = io, learner, stages, seed, run
        self.practice = learner.practice
        self.keeper = Keeper(io, self.practice.checkpoints)
        asked = self.practice.average
        self.average = None if asked.kind == "none" else Averaged(asked, learner.model)

    def run(self) -> list[dict[str, Any]]:
        """All stages that are still to do, and the choice of the model."""
        saved = self.keeper.newest()
        progress = Progress(parts=self.practice.accumulate)
        if saved:
            progress = restore_model(saved, self.learner.model)
            if self.average:
                self.average.load_state_dict(saved["average"])
            self._log_again(progress)
        for number, stage in enumerate(self.stages):
            if number < progress.stage or (number == progress.stage and progress.epoch == stage.epochs):
                continue
            if number > progress.stage:
                progress.stage, progress.epoch = number, 0
                saved = None
            self._enter(stage)
            state = self._state(stage, progress)
            if saved:
                restore_rest(saved, state)
            self._run_stage(stage, state)
        self._choose(progress)
        return progress.history

    def _log_again(self, progress: Progress) -> None:
        done = f"{len(progress.history)} epochs and {progress.step} steps"
        self.io.log(f"{self.io.job.name}: goes on after {done}")
        if self.tracked:
            for number, figures in enumerate(progress.history):
                self.tracked.log(headed(figures), number + 1)

    def _enter(self, stage: Stage) -> None:
        """Get the learner ready for a stage. Raises Stopped after SIGTERM: what is computed here is computed again."""
        with self.io.progress(f"{self.io.job.name}, encoder") as line:

            def alive(photos: int) -> None:
                line.update(photos)
                if self.io.stopping and ranks() == 1:
                    raise Stopped("stopped before an epoch began", fix=GO_ON)

            self.learner.enter(stage, alive)

    def _state(self, stage: Stage, progress: Progress) -> TrainingState:
        """Optimiser, schedule and scaler at the beginning of a stage."""
        optimiser = optimiser_of(self.learner.model, stage)
        steps = sum(len(self.learner.plan([self.seed, progress.stage, epoch])) for epoch in range(stage.epochs))
        scaler = GradScaler(self.learner.device.type, enabled=self.practice.precision == "fp16")
        schedule = schedule_of(optimiser, stage, steps)
        return TrainingState(self.learner.model, optimiser, schedule, scaler, self.average, progress)

    def _run_stage(self, stage: Stage, state: TrainingState) -> None:
        """The epochs of a stage that are still to do."""
        progress, size = state.progress, len(self.learner.train)
        left = (stage.epochs - progress.epoch) * size - progress.photos
        with self.io.progress(f"{self.io.job.name}, {stage.name}", left) as line:
            while progress.epoch < stage.epochs:
                started, before = time.monotonic(), progress.photos
                losses = self._run_epoch(state, line)
                speed = (size - before) / (time.monotonic() - started)
                if self.average and stage.averaged:
                    self.average.after_epoch(self.learner.model)
                figures = {
                    "stage": stage.name,
                    "epoch": progress.epoch + 1,
                    "loss": progress.loss_sum / size,
                    "rate": state.schedule.get_last_lr()[0],
                    **{f"tune_{name}": value for name, value in self._score(progress).metrics.items()},
                }
                if self.tracked:
                    self.tracked.log(headed({**figures, "photos_per_second": speed}), len(progress.history) + 1)
                self._log_steps(losses)  # after the epoch: a run's page shows first what was logged first
                progress.history.append(figures)
                progress.epoch, progress.step, progress.loss_sum, progress.photos = progress.epoch + 1, 0, 0.0, 0
                self.keeper.save(state)

    def _run_epoch(self, state: TrainingState, line: ProgressLine) -> Losses:
        """The steps of an epoch that are still to do. Returns loss and rate of each."""
        progress, learner = state.progress, self.learner
        seed = [self.seed, progress.stage, progress.epoch]
        learner.mode(learning=True)
        plan = learner.plan(seed)[progress.step :]
        losses: Losses = []
        for rows, batch in zip(plan, learner.learning_batches(plan, seed), strict=True):
            if progress.epoch == 0 and progress.step == 0 and self.tracked:
                shown = batch if batch.photos is not None else next(learner.reader.read(learner.train, [rows]))
                self.tracked.artifact(sample_grid(shown, learner, self.io.scratch, progress.stage), "samples")
            rate = state.schedule.get_last_lr()[0]
            loss = learn(learner, batch, state, self._say)
            progress.step, progress.steps = progress.step + 1, progress.steps + 1
            progress.photos += len(rows)
            progress.loss_sum += loss * len(rows)
            losses.append((progress.steps, {"steps/loss": loss, "steps/rate": rate}))
            line.update(len(rows), f"epoch {progress.epoch + 1}, loss {loss:.4f}, rate {rate:.2e}")
            # All ranks do the same after the same step, whichever of them was told to stop.
            stop, due = sums([float(self.io.stopping), float(self.keeper.due)], learner.device)
            if stop or due:
                self.keeper.save(state)
            if stop:
                self._log_steps(losses)
                raise Stopped(f"stopped in epoch {progress.epoch + 1} with the state saved", fix=GO_ON)
        return losses

    def _score(self, progress: Progress) -> Scores:
        """Score the model, or its exponential average; keep it if it is the best so far."""
        model = self.learner.model
        if self.average and self.average.kind == "ema":
            with self.average.in_place_of(model):
                return self._judge(progress)
        return self._judge(progress)

    def _judge(self, progress: Progress) -> Scores:
        self.learner.mode(learning=False)
        scores = self.learner.scores()
        value = scores.metrics.get(self.learner.judged_by)
        if value is not None and (progress.best is None or value > progress.best):
            progress.best = value
            self.keeper.save_best(self.learner.model)
        return scores

    def _choose(self, progress: Progress) -> None:
        """Leave in the model what is published: the average if there is one, or the best on the tune photos."""
        model, average = self.learner.model, self.average
        if average and not average.empty:
            average.put_into(model)
            if average.kind == "swa":
                self.learner.renew_statistics([self.seed, len(self.stages), 0])
        if self.practice.checkpoints.choose == "best":
            self._judge(progress)
            best = self.keeper.best()
            if best is not None:
                model.load_state_dict(best)

    def _say(self, text: str) -> None:
        self.io.log(f"{self.io.job.name}: {text}")

    def _log_steps(self, losses: Losses) -> None:
        if self.tracked:
            self.tracked.log_steps(losses)


def headed(figures: Mapping[str, Any]) -> dict[str, float]:
    """What MLflow plots of an epoch, by the headings that its pages sort: what matters most comes first.

    `headline/` are the figures on the tune photos, `learning/` how it learns, `per_class/` the figures of each class.
    """
    named: dict[str, float] = {}
    for name, value in figures.items():
        if isinstance(value, (int, float)) and name != "epoch":
            scored = name.removeprefix("tune_")
            heading = "learning" if scored == name else "per_class" if "/" in scored else "headline"
            named[f"{heading}/{scored.replace('/', ' of ')}"] = value
    return dict(sorted(named.items()))
