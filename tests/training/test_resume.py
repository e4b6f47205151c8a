"""A training that is ended at any step goes on to the same weights, bit for bit; several ranks train as one process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from oi_tasks.io.outputs import Output
from oi_tasks.io.store import WORK, Store
from oi_tasks.profile import Classifier as Recipe
from oi_tasks.settings import Settings
from tests.training import child

pytestmark = pytest.mark.slow

# Everything that has a state: weighted sampling, views, dropout, rates, an average, two kinds of stage.
RECIPE: dict[str, Any] = {
    "backbone": "test_resnet",
    "weights": "none",
    "epochs": {"frozen": 1, "each_stage": 1, "unfrozen": 1},
    "batch": 16,
    "rate": 1e-2,
    "encoder_rate": 1e-2,
    "loss": "focal",
    "stage_decay": 0.5,
    "sampling": {"kind": "weighted"},
    "augment": {"share": 0.5, "set": "modest"},
    "average": {"kind": "ema", "decay": 0.9},
}


def env_file(settings: Settings, folder: Path) -> Path:
    """Settings as a file for another process."""
    file = folder / "env"
    file.write_text(
        f"OI_STORE_ENDPOINT={settings.store_endpoint}\n"
        f"OI_STORE_ACCESS_KEY={settings.store_access_key}\n"
        f"OI_STORE_SECRET_KEY={settings.store_secret_key.get_secret_value()}\n"
    )
    return file


def words(settings: Settings, dataset: Output, recipe: dict[str, Any], folder: Path) -> list[str]:
    said = json.dumps(recipe)
    return ["-m", "tests.training.child", str(env_file(settings, folder)), dataset.id, said, str(folder / "out.pt")]


def started(command: list[str]) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OI_")}
    return subprocess.Popen(
        [sys.executable, *command],
        env=environment | {"OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def state_of(path: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(path, weights_only=True)
    return state


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch):
    """As the children have: the number of threads decides the order of sums."""
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="module")
def whole(minio_settings: Settings, plain_photos: Output, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The weights of a training that is not ended, in a process of its own, with states at the ends of epochs only."""
    folder = tmp_path_factory.mktemp("whole")
    recipe = RECIPE | {"checkpoints": {"minutes": 100}}
    done = started(words(minio_settings, plain_photos, recipe, folder))
    _, told = done.communicate(timeout=300)
    assert done.returncode == 0, told
    return state_of(folder / "out.pt")


@pytest.mark.parametrize(
    ("kill", "step", "minutes"),
    [
        (signal.SIGKILL, 3, 0.0),  # in the frozen stage; a state after each step
        (signal.SIGKILL, 13, 101.0),  # in the last stage; states at the ends of epochs: some steps are done twice
        (signal.SIGTERM, 8, 102.0),  # a state when it is told to stop
    ],
)
def test_ended_at_a_step_it_goes_on_to_the_same_weights(
    kill: signal.Signals,
    step: int,
    minutes: float,
    whole: dict,
    one_thread: None,
    minio_settings: Settings,
    plain_photos: Output,
    store: Store,
    tmp_path: Path,
) -> None:
    recipe = RECIPE | {"checkpoints": {"minutes": minutes, "keep": 2}}
    ended = started(words(minio_settings, plain_photos, recipe, tmp_path))
    assert ended.stdout is not None
    seen = []
    for line in ended.stdout:
        seen.append(line)
        if line.startswith(f"step {step} "):
            ended.send_signal(kill)
            break
    _, told = ended.communicate(timeout=120)
    assert ended.returncode == (-9 if kill == signal.SIGKILL else 75), told
    assert any("/state-" in name for name in store.list(WORK, "checkpoints/train_classifier/"))
    history = child.train(minio_settings, plain_photos.id, Recipe.model_validate(recipe), tmp_path / "gone-on.pt")
    assert [(figures["stage"], figures["epoch"]) for figures in history] == [
        ("frozen", 1),
        ("top 1 unfrozen", 1),
        ("unfrozen", 1),
    ]
    found = state_of(tmp_path / "gone-on.pt")
    assert found.keys() == whole.keys()
    assert [name for name in whole if not torch.equal(found[name], whole[name])] == []


def test_two_ranks_train_as_one_process_with_the_double_batch(
    one_thread: None, minio_settings: Settings, plain_photos: Output, tmp_path: Path
) -> None:
    """With layer normalisation, as gloo has no batch normalisation over ranks; batches of odd sizes, and accumulated."""
    recipe = {
        "backbone": "test_convnext",
        "weights": "none",
        "epochs": {"frozen": 1, "unfrozen": 1},
        "batch": 10,
        "rate": 1e-3,
        "encoder_rate": 1e-3,
        "loss": "bce",
        "accumulate": 2,
        "dropout": False,
    }
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = started([*torchrun, *words(minio_settings, plain_photos, recipe, tmp_path)])
    said, told = done.communicate(timeout=300)
    assert done.returncode == 0, told
    together = state_of(tmp_path / "out.pt")
    shown = [line.split("photos ")[1].split() for line in said.splitlines() if line.startswith("step ")]
    ids = sorted(image_id for step in shown for image_id in step)
    assert len(ids) == 2 * 72  # in two epochs each photo twice, on one rank each time
    assert len(set(ids)) == 72

    alone = dict(recipe) | {"seed": 0, "accumulate": 1}
    child.DROPOUT = alone.pop("dropout")
    try:
        child.train(minio_settings, plain_photos.id, Recipe.model_validate(alone), tmp_path / "alone.pt")
    finally:
        child.DROPOUT = True
    single = state_of(tmp_path / "alone.pt")
    begun = dict(child.make_learner(plain_photos, backbone="test_convnext").model.state_dict())
    moved = max(float((single[name] - begun[name]).abs().max()) for name in single)
    apart = max(float((single[name] - together[name]).abs().max()) for name in single)
    assert moved > 1e-3
    assert apart < 0.02 * moved
