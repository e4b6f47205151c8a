"""The loop on a real store: which states it keeps, what it does with damaged ones, and which model it ends with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from oi_tasks.io.store import WORK, Store
from oi_tasks.jobs.base import JobIO
from oi_tasks.jobs.train_classifier import TrainClassifier
from oi_tasks.profile import Average, Checkpoints
from oi_tasks.profile import Classifier as Recipe
from oi_tasks.settings import Settings
from oi_tasks.training.classifier import ClassifierLearner
from oi_tasks.training.learner import Scores
from oi_tasks.training.loop import fit
from oi_tasks.training.practice import Practice
from oi_tasks.training.schedules import transfer_stages

Make = Callable[..., ClassifierLearner]


class Tracked:
    """Takes down what the loop tells a run."""

    def __init__(self) -> None:
        self.epochs: list[tuple[int, dict[str, float]]] = []
        self.steps: list[tuple[int, Any]] = []
        self.files: list[str] = []

    def log(self, figures: dict[str, float], step: int) -> None:
        self.epochs.append((step, figures))

    def log_steps(self, steps: list[tuple[int, Any]]) -> None:
        self.steps += steps

    def artifact(self, path: Path, folder: str = "") -> None:
        assert path.read_bytes()[:4] == b"\x89PNG"
        self.files.append(f"{folder}/{path.name}")


@pytest.fixture
def io(minio_settings: Settings, tmp_path: Path) -> JobIO:
    job = TrainClassifier(dataset="0" * 20, recipe=Recipe(seed=abs(hash(str(tmp_path))) % 2**31))
    return JobIO(minio_settings, job, tmp_path)


def test_the_newest_states_and_the_best_model_are_kept_and_a_damaged_state_is_left_aside(
    learner: Make, io: JobIO, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    practice, tracked = Practice(checkpoints=Checkpoints(keep=2, minutes=100)), Tracked()
    stages = transfer_stages(1, 2, 1e-2, 1e-2)
    made = learner(practice)
    history = fit(io, made, stages, 0, tracked)
    steps = len(made.plan([0]))
    assert io.checkpoints() == ["best", f"state-{2 * steps:012d}", f"state-{3 * steps:012d}"]
    assert [step for step, _ in tracked.steps] == list(range(1, 3 * steps + 1))
    assert tracked.files == ["samples/stage-0.png", "samples/stage-1.png"]
    assert [round(figures["learning/loss"], 6) for _, figures in tracked.epochs] == [
        round(h["loss"], 6) for h in history
    ]
    assert [step for step, _ in tracked.epochs] == [1, 2, 3]

    store.put_bytes(WORK, f"checkpoints/train_classifier/{io.key}/state-{3 * steps:012d}", b"cut off")
    again = learner(practice)
    assert fit(io, again, stages, 0, None) == history  # the last epoch is done again, to the same figures
    said = capsys.readouterr().err
    assert "is damaged and left aside" in said
    assert "goes on after 2 epochs and 0 steps" in said
    ended, whole = again.model.state_dict(), made.model.state_dict()
    assert all(torch.equal(ended[name], whole[name]) for name in whole)


def test_the_best_model_is_the_one_that_is_published_when_asked_for(learner: Make, io: JobIO) -> None:
    made, seen = learner(Practice(checkpoints=Checkpoints(choose="best"))), []
    values = iter([0.3, 0.9, 0.5, 0.5])  # of three epochs, and of the last model again

    def scores() -> Scores:
        seen.append({name: tensor.clone() for name, tensor in made.model.state_dict().items()})
        return Scores({"macro_f1": next(values)}, [])

    made.scores = scores  # type: ignore[method-assign]
    fit(io, made, transfer_stages(0, 3, 1e-2, 1e-2), 0, None)
    found = made.model.state_dict()
    assert all(torch.equal(found[name], seen[1][name]) for name in found)
    assert not all(torch.equal(found[name], seen[2][name]) for name in found)


def test_an_average_keeps_the_statistics_that_norm_eval_keeps(learner: Make, io: JobIO) -> None:
    made = learner(Practice(average=Average(kind="swa", epochs=2), norm_eval=True))
    statistics = {name: tensor.clone() for name, tensor in made.model.named_buffers() if "running" in name}
    fit(io, made, transfer_stages(0, 1, 1e-2, 1e-2, average=made.practice.average), 0, None)
    assert statistics
    assert all(
        torch.equal(tensor, statistics[name]) for name, tensor in made.model.named_buffers() if "running" in name
    )


def test_an_averaged_training_learns_and_ends_with_the_average(learner: Make, io: JobIO) -> None:
    made = learner(Practice(average=Average(kind="swa", epochs=2)))
    ends: list[torch.Tensor] = []
    scores = made.scores

    def noted() -> Scores:
        ends.append(made.model.head[-1].weight.detach().clone())
        return scores()

    made.scores = noted  # type: ignore[method-assign]
    stages = transfer_stages(0, 2, 1e-2, 1e-2, average=made.practice.average)
    history = fit(io, made, stages, 0, None)
    assert [figures["stage"] for figures in history] == ["unfrozen", "unfrozen", "averaged", "averaged"]
    assert torch.allclose(made.model.head[-1].weight, (ends[2] + ends[3]) / 2, atol=1e-6)
    made.mode(learning=False)
    assert scores().metrics["top1_accuracy"] > 0.9  # three plain colours
