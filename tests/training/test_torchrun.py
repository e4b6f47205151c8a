"""A training in two processes by the command that the pod of two GPUs runs: one result, the same model as one process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from oi_tasks.commands.torchrun import status_of
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import WORK, Store
from oi_tasks.io.tracking import Tracking
from oi_tasks.jobs.base import JobIO
from oi_tasks.jobs.train_classifier import TrainClassifier
from oi_tasks.pods.manifest import job_words, pod_manifest
from oi_tasks.profile import Profile
from oi_tasks.settings import Settings
from tests.conftest import SMALL
from tests.k8s.dataset import dataset_of

pytestmark = pytest.mark.slow
OI = Path(sys.executable).with_name("oi")
# gloo has no batch normalisation over processes: a network with layer normalisation.
CLASSIFIER = SMALL["classifier"] | {"backbone": "test_convnext", "epochs": {"frozen": 1, "unfrozen": 2}}
PROFILE = Profile.model_validate(SMALL | {"classifier": CLASSIFIER, "pods": {"gpu": {"gpus": 2}}})
SITE = "import torch\ntorch.nn.Dropout.forward = lambda self, photos: photos\n"  # each process draws its own


@pytest.fixture(scope="module")
def dataset(settings: Settings) -> str:
    return dataset_of(PROFILE, settings)


@pytest.fixture
def environment(settings: Settings, tmp_path: Path) -> dict[str, str]:
    """Of a pod, without dropout."""
    (tmp_path / "sitecustomize.py").write_text(SITE)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OI_")}
    return kept | {
        "OI_STORE_ENDPOINT": settings.store_endpoint,
        "OI_STORE_ACCESS_KEY": settings.store_access_key,
        "OI_STORE_SECRET_KEY": settings.store_secret_key.get_secret_value(),
        "OI_MLFLOW_URL": settings.mlflow_url,
        "OI_CACHE": str(tmp_path / "cache"),
        "OI_ENV_FILE": "none",
        "PYTHONPATH": str(tmp_path),
        "OMP_NUM_THREADS": "1",
    }


def started(words: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen([OI, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(words: list[str], environment: dict[str, str]) -> tuple[int, str, str]:
    process = started(words, environment)
    said, told = process.communicate(timeout=300)
    return process.returncode, said, told


def pods_words(dataset: str, settings: Settings, profile: Profile = PROFILE) -> list[str]:
    """What stands in the pod of the training after `oi`."""
    words = job_words("train_classifier", profile.model_dump(mode="json"), {"dataset": dataset}, "runs/two.json")
    made = pod_manifest("train_classifier", profile.pods, words, {}, settings)
    (base,) = made["spec"]["containers"]
    assert base["command"] == ["oi"]
    return list(base["args"])


def test_two_processes_publish_one_model_that_is_the_model_of_one_process(
    dataset: str, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    store, tracking = Store(settings), Tracking(settings)
    words = pods_words(dataset, settings)
    code, printed, told = run(words, environment)
    assert code == 0, told
    said = json.loads(printed)  # one document: one process tells
    assert store.get_json(WORK, "runs/two.json") == said
    version = said["result"]["model_version"]
    assert tracking.version_exists("oi-classifier", version)
    assert not tracking.version_exists("oi-classifier", version + 1)
    assert told.count("train_classifier: published") == 1
    assert not list(store.list(WORK, f"checkpoints/train_classifier/{said['key']}/"))

    code, printed, told = run(words, environment)
    assert code == 0, told
    assert json.loads(printed)["reused"] is True
    assert told.count("train_classifier: reused") == 1

    code, printed, told = run([*words[2:], "--force"], environment)  # the same batch, which each process had half of
    assert code == 0, told
    alone = json.loads(printed)
    assert (alone["key"], alone["result"]["model_version"]) == (said["key"], version + 1)

    def tensors(output_id: str) -> dict[str, torch.Tensor]:
        output = Outputs(store, tmp_path / "read").get("train_classifier", output_id)
        found: dict[str, torch.Tensor] = load_file(output.local("model.safetensors"))
        return found

    job = TrainClassifier.from_profile(PROFILE, dataset=dataset)
    (tmp_path / "scratch").mkdir()
    begun = dict(job._setup(JobIO(settings, job, tmp_path / "scratch")).model.state_dict())
    torch.use_deterministic_algorithms(False)
    together, single = tensors(said["id"]), tensors(alone["id"])
    moved = max(float((single[name] - begun[name]).abs().max()) for name in single)
    apart = max(float((single[name] - together[name]).abs().max()) for name in single)
    assert moved > 1e-3
    assert apart < 0.02 * moved
    for name, value in alone["result"]["metrics"].items():
        assert said["result"]["metrics"][name] == pytest.approx(value, abs=0.02)


def test_told_to_stop_it_says_so_by_its_status_and_goes_on_where_it_was(
    dataset: str, settings: Settings, environment: dict[str, str]
) -> None:
    classifier = CLASSIFIER | {"epochs": {"frozen": 0, "unfrozen": 20}, "checkpoints": {"minutes": 0}}
    words = pods_words(
        dataset, settings, PROFILE.model_copy(update={"classifier": type(PROFILE.classifier)(**classifier)})
    )
    store, before = Store(settings), set(Store(settings).list(WORK, "checkpoints/train_classifier/"))
    process = started(words, environment)
    while not set(store.list(WORK, "checkpoints/train_classifier/")) - before:
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=150)
    assert process.returncode == 75, told
    assert told.splitlines()[-1].startswith("oi: ")
    process = started(words, environment)
    _, told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    assert "goes on after" in told


def test_bad_input_is_the_jobs_own_status_and_last_line(settings: Settings, environment: dict[str, str]) -> None:
    code, _, told = run(pods_words("0" * 20, settings), environment)
    assert code == 2, told
    assert told.splitlines()[-1].startswith("oi: no output '00000000000000000000' of shards is published")
    assert "Traceback" not in told


def test_what_does_not_train_is_refused(environment: dict[str, str]) -> None:
    code, _, told = run(["torchrun", "2", "tables", "--profile", "demo"], environment)
    assert code == 2
    assert (
        told
        == "oi: tables does not train; only train_classifier, train_semseg, train_detector run in several processes [usage]\n"
    )


@pytest.mark.parametrize(
    ("exits", "status"), [((2, 2), 2), ((-15, 75), 75), ((1, 3), 3), ((-9, -15), 137), ((1, -15), 1), ((), 1)]
)
def test_the_status_of_several_is_what_one_says_itself_before_what_befell_the_others(
    exits: tuple[int, ...], status: int
) -> None:
    assert status_of(exits) == status
