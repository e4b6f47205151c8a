"""Pods of a real Airflow: what becomes of them when a run is given up, and when Airflow itself dies."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from oi_tasks.errors import Unreachable
from oi_tasks.io.store import WORK, Store
from oi_tasks.local import keys, processes, services
from oi_tasks.local.addresses import Addresses
from oi_tasks.local.airflow_api import Airflow, Run
from oi_tasks.settings import Settings
from tests.k8s.conftest import CHECKOUT
from tests.k8s.drive import Task
from tests.shared_cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
DAG = "toy_pods"
PATIENCE = 400.0  # seconds, on a busy machine
PROGRAM = """
import os, time
while not os.path.exists("/program/go-on"):
    time.sleep(0.5)
"""
FILE = """
import sys
from airflow.sdk import DAG
sys.path.insert(0, {dags!r})
from jobs import job
with DAG(dag_id="toy_pods", schedule=None, max_active_runs=4):
    job("tables", {profile!r}, release="{release}")
"""


class World:
    """An Airflow on a cluster, with a DAG of one step whose pod waits to be told to go on."""

    def __init__(self, task: Task, folder: Path, cluster: Cluster, namespace: str) -> None:
        self.state, self.folder, self.cluster, self.namespace = folder / "state", folder, cluster, namespace
        self.places = Addresses.free()
        (folder / "toy_dags").mkdir()
        text = FILE.format(dags=str(CHECKOUT / "dags"), profile=task.profile, release="c" * 20)
        (folder / "toy_dags" / "toy.py").write_text(text)
        self.start()
        lines = keys.read(self.state / "env")
        self.store = Store(Settings(_env_file=self.state / "env"))
        self.airflow = Airflow(lines["OI_AIRFLOW_URL"], lines["OI_AIRFLOW_USER"], lines["OI_AIRFLOW_PASSWORD"])
        self.until(lambda: self.airflow.dag_exists(DAG), "the DAG is read")
        self.airflow.unpause(DAG)

    def start(self) -> None:
        services.start(self.state, ("minio", "airflow"), self.places, dags=self.folder / "toy_dags")

    def kill_airflow(self) -> None:
        """As a node that dies does: scheduler, triggerer and all their children, without a word."""
        record = processes.load(self.state, "airflow")
        assert record is not None
        for member in processes.family(record):
            with suppress(Exception):
                member.send_signal(signal.SIGKILL)
        self.until(lambda: not processes.alive(record), "Airflow is dead")

    def pods(self, run: Run) -> dict[str, str]:
        """The uid and phase of each pod of a run that is not on its way out."""
        own = [pod for pod in self.cluster.pods(self.namespace) if f"runs/{DAG}/{run.id}/" in json.dumps(pod["spec"])]
        return {
            pod["metadata"]["uid"]: pod["status"].get("phase", "")
            for pod in own
            if "deletionTimestamp" not in pod["metadata"]
        }

    def state_of(self, run: Run) -> str | None:
        (step,) = self.airflow.steps(run)
        return step.state

    def until(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with suppress(Unreachable):
                if done():
                    return
            time.sleep(0.5)
        raise AssertionError(f"it does not come to that: {what}")


@pytest.fixture
def world(in_pods: Callable[..., Task], cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[World]:
    made: World | None = None
    try:
        made = World(in_pods("tables", PROGRAM), tmp_path, cluster, namespace)
        yield made
    finally:
        services.stop(tmp_path / "state")


def test_a_run_given_up_leaves_no_pod_and_an_airflow_that_died_takes_its_pods_up_again(world: World) -> None:
    given_up, kept = (world.airflow.trigger(DAG, {}) for _ in range(2))
    for run in (given_up, kept):
        world.until(lambda run=run: list(world.pods(run).values()) == ["Running"], "its pod runs")
        world.until(lambda run=run: world.state_of(run) == "deferred", "no worker waits for it")
    (pod,) = world.pods(kept)

    path = f"/dags/{DAG}/dagRuns/{quote(given_up.id, safe='')}"
    world.airflow._ask("PATCH", path, json={"state": "failed"})
    world.until(lambda: not world.pods(given_up), "the pod of the run that was marked failed is gone")
    assert world.airflow.run(DAG, given_up.id).state == "failed"
    assert list(world.pods(kept)) == [pod]

    world.kill_airflow()
    assert world.pods(kept) == {pod: "Running"}
    world.start()
    end = time.monotonic() + 20
    while time.monotonic() < end:  # it has taken up its tasks again, and makes no second pod
        assert list(world.pods(kept)) == [pod]
        time.sleep(1)
    world.store.put_json(WORK, f"runs/{DAG}/{kept.id}/tables.json", {"id": "d" * 20})  # what the job would have written
    (world.folder / "bin" / "go-on").touch()
    world.until(lambda: world.state_of(kept) == "success", "the task ends well")
    (step,) = world.airflow.steps(kept)
    assert step.try_number == 1
    assert world.airflow.value(step) == {"id": "d" * 20}
    world.until(lambda: not world.pods(kept), "its pod is removed")
