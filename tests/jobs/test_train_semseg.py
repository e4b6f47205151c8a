"""Clusters trained side by side: some are ended and gone on with, and no other is disturbed by it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from oi_tasks.core.fingerprint import content_key, sha256_of_file
from oi_tasks.io.outputs import Output, Outputs
from oi_tasks.io.store import WORK, Store
from oi_tasks.jobs.train_semseg import TrainSemseg
from oi_tasks.profile import Profile
from oi_tasks.settings import Settings
from tests.conftest import SMALL
from tests.jobs.stopped import SAVED
from tests.training.boxed_photos import boxed_dataset

pytestmark = pytest.mark.slow
OI = str(Path(sys.executable).with_name("oi"))
PHOTOS, BATCH, EPOCHS = 24, 4, 12
STEPS = PHOTOS // BATCH  # of an epoch
RECIPE = {
    "encoder": "test_resnet",
    "epochs": {"frozen": 0, "unfrozen": EPOCHS},
    "batch": BATCH,
    "negatives": 0.0,
    "checkpoints": {"minutes": 0.0},  # a state after each step
}
# Clusters of the same classes and photos learn the same: the undisturbed one is what the others must equal.
CLUSTERS = {"told-to-stop": [0, 1], "killed": [0, 1], "undisturbed": [0, 1]}


@pytest.fixture(scope="module")
def dataset(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Output:
    """Photos with a box of each class, somewhere else in each photo."""
    held = []
    for number in range(PHOTOS):
        corner = number % 6 / 8
        edges = [[corner, place / 2, corner + 0.25, place / 2 + 0.25] for place in range(2)]
        held.append([{"class": place, "box": box} for place, box in enumerate(edges)])
    folder = tmp_path_factory.mktemp("clusters")
    return boxed_dataset(folder, Store(settings), settings.cache, held, 2, CLUSTERS)


def _key(job: TrainSemseg) -> str:
    """The content key that its states are kept under."""
    return content_key({"job": job.name, "version": job.version, "fields": job.model_dump(mode="json"), "source": None})


class Trainings:
    """The step as a command, for each cluster in a process of its own."""

    def __init__(self, settings: Settings, dataset: Output, folder: Path) -> None:
        self.store, self.dataset, self.folder = Store(settings), dataset, folder
        self.outputs = Outputs(self.store, settings.cache)
        self.profile = folder / "own.yaml"
        self.profile.write_text(yaml.safe_dump(json.loads(json.dumps(SMALL)) | {"semseg": RECIPE}))
        profile = Profile.model_validate(yaml.safe_load(self.profile.read_text()))
        self.keys = {
            cluster: _key(TrainSemseg.from_profile(profile, dataset=dataset.id, cluster=cluster))
            for cluster in CLUSTERS
        }
        lines = {
            "OI_STORE_ENDPOINT": settings.store_endpoint,
            "OI_STORE_ACCESS_KEY": settings.store_access_key,
            "OI_STORE_SECRET_KEY": settings.store_secret_key.get_secret_value(),
            "OI_MLFLOW_URL": settings.mlflow_url,
            "OI_CACHE": str(settings.cache),
        }
        (folder / "env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))

    def start(self, cluster: str) -> subprocess.Popen[str]:
        words = [OI, "train_semseg", "--profile", str(self.profile), "--set", f"dataset={self.dataset.id}"]
        return subprocess.Popen(
            [*words, "--set", f"cluster={cluster}"],
            env=os.environ | {"OI_ENV_FILE": str(self.folder / "env"), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def steps_kept(self, cluster: str) -> int:
        """How many steps the newest state of a cluster's training holds; 0 without one."""
        names = self.store.list(WORK, f"checkpoints/train_semseg/{self.keys[cluster]}/state-")
        return max((int(name.rpartition("-")[2]) for name in names), default=0)

    def pause_within_an_epoch(self, running: dict[str, subprocess.Popen[str]]) -> None:
        """Let each come to its second epoch, or a later one, and none further: however slowly another of them begins."""
        until, going = time.monotonic() + 300, dict(running)
        while going:
            time.sleep(0.02)
            for cluster, process in list(going.items()):
                assert process.poll() is None, f"{cluster} ended by itself: {process.communicate()[1]}"
                assert time.monotonic() < until, f"{cluster} has not begun its second epoch"
                kept = self.steps_kept(cluster)
                if kept > STEPS and kept % STEPS in (1, 2, 3):
                    going.pop(cluster).send_signal(signal.SIGSTOP)

    def ended(self, process: subprocess.Popen[str], status: int = 0) -> tuple[str, str]:
        """What a process that must end with a status printed, and what it told."""
        said, told = process.communicate(timeout=400)
        assert process.returncode == status, told
        return said, told

    def weights(self, said: str) -> str:
        output = self.outputs.get("train_semseg", json.loads(said)["id"])
        assert len(output.read_json("curves.json")) == EPOCHS
        return sha256_of_file(output.local("model.safetensors"))


def test_clusters_that_are_ended_go_on_to_the_same_weights_and_disturb_no_other(
    settings: Settings, dataset: Output, tmp_path: Path
) -> None:
    trainings = Trainings(settings, dataset, tmp_path)
    running = {cluster: trainings.start(cluster) for cluster in CLUSTERS}
    ends: dict[str, Any] = {"told-to-stop": (signal.SIGTERM, SAVED), "killed": (signal.SIGKILL, -signal.SIGKILL)}
    trainings.pause_within_an_epoch(running)
    for process in running.values():
        process.send_signal(signal.SIGCONT)
    for cluster, (how, _) in ends.items():
        running[cluster].send_signal(how)
    assert running["undisturbed"].poll() is None
    for cluster, (how, status) in ends.items():
        _, told = trainings.ended(running[cluster], status)
        assert ("with the state saved; run it again to go on" in told) == (how == signal.SIGTERM)
    kept = {cluster: trainings.steps_kept(cluster) for cluster in ends}
    again = {cluster: trainings.start(cluster) for cluster in ends}  # while the third may still be at work
    said, told = trainings.ended(running["undisturbed"])
    assert "goes on after" not in told
    whole = trainings.weights(said)
    for cluster, process in again.items():
        said, told = trainings.ended(process)
        found = re.search(r"train_semseg: goes on after (\d+) epochs and (\d+) steps", told)
        assert found, told
        epochs, steps = map(int, found.groups())
        assert epochs >= 1
        assert (
            epochs * STEPS + steps == kept[cluster]
        )  # the last step of an epoch is kept twice: before and after it ends
        assert trainings.weights(said) == whole, cluster
        assert trainings.steps_kept(cluster) == 0  # states are dropped once the model is published
