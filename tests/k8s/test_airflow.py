"""What a real Airflow on a real cluster makes of each thing that befalls a pod: in its states, and in the log it shows.

All runs are started at once, so that their waits overlap; each test looks at its own. With `-rP`, pytest shows what the
cluster said of their pods.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest

from oi_tasks.core.fingerprint import sha256_of_file
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import WORK
from oi_tasks.local import services
from oi_tasks.local.airflow_api import Run, Step
from oi_tasks.profile import Profile
from tests.k8s.conftest import pod_settings
from tests.k8s.dataset import dataset_of
from tests.k8s.toys import LINES, TOYS
from tests.k8s.world import ID, World, in_namespace
from tests.shared_cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
MAPPED = tuple(f"train_semseg-{index}" for index in range(4))
SOON = ("missing_image", "missing_secret")
WORKERS = 4  # `servers.airflow` runs so many tasks at a time
NO_ROOM = "no room for the pod of tables: it asks for requests.cpu=100m"


@dataclass(frozen=True)
class Started:
    """The runs of all toy DAGs."""

    world: World
    runs: dict[str, Run]

    def look(self, name: str, attempt: int = 1) -> tuple[Step, str]:
        """The step of a run once it has ended, or waits for its next try, and its log; shows what the cluster said."""
        step = self.world.ended(self.runs[name])
        print(self.world.evidence(self.runs[name]))
        return step, "\n".join(line for _, line in self.world.log(step, attempt))

    def seconds_until(self, name: str, words: str) -> float:
        """How long after the start of its first try a log says something."""
        log = self.world.log(self.world.step(self.runs[name]), 1)
        return next((when - log[0][0]).total_seconds() for when, line in log if words in line)


@pytest.fixture(scope="module")
def started(
    cluster: Cluster, namespace: str, image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Started]:
    folder = tmp_path_factory.mktemp("world")
    folder.chmod(0o755)
    narrow = f"{namespace}-narrow"
    toys = TOYS | {"quota": in_namespace(TOYS["quota"], narrow)}
    world: World | None = None
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ({"OI_ENV_FILE": "none"} | pod_settings(cluster, namespace, image, folder)).items():
            patch.setenv(name, value)
        try:
            cluster.kubectl("create", "namespace", narrow)
            cluster.kubectl("-n", narrow, "create", "secret", "generic", "oi-keys", "--from-literal=OI_NOTHING=x")
            cluster.kubectl("-n", narrow, "create", "quota", "room", "--hard=requests.cpu=150m")
            world = World(folder, toys, cluster, namespace)
            secret = [f"--from-literal={name}={value}" for name, value in world.for_pods.items()]
            cluster.kubectl("-n", namespace, "create", "secret", "generic", "training", *secret)
            made = Started(world, {})
            start_all(made)
            yield made
        finally:
            if world is not None:
                world.stop()
            services.stop(folder / "state")
            cluster.kubectl("delete", "namespace", narrow, "--wait=false", "--ignore-not-found")


def start_all(started: Started) -> None:
    """Start every run, and first those that must say something within a minute.

    All are asked for while their DAGs are paused: SQLite does not take many writers at once.
    """
    world = started.world
    made = dataset_of(Profile.model_validate(TOYS["training"].profile), world.settings)

    def start(name: str, dag: str, *results: str, **conf: Any) -> None:
        started.runs[name] = world.trigger(name, dag, results, **conf)

    start("four_on_two_gpus", "four_on_two_gpus", *MAPPED)
    for name in ("given_up", "kept"):
        start(name, "held", "tables")
    for name in ("lines", "memory", "hangs", "bad_input", *SOON):
        start(name, name, "tables")
    for name in ("first", "second"):
        start(name, "quota", "tables")
    start("preempted", "training", dataset=made)
    start("uninterrupted", "training", dataset=made, force=True)
    for name in SOON:
        world.airflow.unpause(name)
    for name in SOON:
        world.until(lambda name=name: world.step(started.runs[name]).state == "deferred", f"{name} waits for its pod")
    for name in TOYS:
        world.airflow.unpause(name)
    Thread(target=preempt, args=(world, started.runs["preempted"]), daemon=True).start()
    Thread(target=make_room, args=(world, [started.runs[name] for name in ("first", "second")]), daemon=True).start()


def preempt(world: World, run: Run) -> None:
    """Take a training's pod away once it has saved its first state."""
    while not list(world.store.list(WORK, "checkpoints/train_classifier/")):
        time.sleep(0.2)
    (pod,) = [pod for pod in world.cluster.pods(world.namespace) if pod["metadata"]["uid"] in world.pods(run)]
    world.cluster.kubectl("-n", world.namespace, "delete", "pod", pod["metadata"]["name"], "--wait=false")


def make_room(world: World, runs: list[Run]) -> None:
    """Let the step that has a quota's room end once the other was told that there is none, and not before."""
    world.until(
        lambda: any(NO_ROOM in line for run in runs for _, line in world.log(world.step(run))), "one is told of no room"
    )
    world.tell("room")


def test_tasks_that_wait_for_pods_hold_no_worker(started: Started) -> None:
    world = started.world
    waiting = [started.runs[name].id for name in ("four_on_two_gpus", "given_up", "kept")]

    def all_wait_and_none_works() -> bool:
        steps = world.moments[-1].values() if world.moments else ()
        deferred = [step for step in steps if step.run_id in waiting and step.state == "deferred"]
        return len(deferred) > WORKERS + 1 and not any(step.state == "running" for step in steps)

    world.until(all_wait_and_none_works, "six tasks are deferred, and nothing runs in the four workers")
    world.until(
        lambda: world.airflow._get("/pools/default_pool")["deferred_slots"] >= WORKERS + 2, "the pool counts them so"
    )
    world.until(
        lambda: all("Running" in world.pods(started.runs[name]).values() for name in ("given_up", "kept")),
        "the pods of two of them run",
    )


def test_four_trainings_on_two_gpus_two_wait_none_fails_all_end(started: Started) -> None:
    world, run = started.world, started.runs["four_on_two_gpus"]
    world.until(
        lambda: sorted(world.pods(run).values()) == ["Pending", "Pending", "Running", "Running"],
        "two of four pods run, two are Pending",
    )

    def refused() -> set[str]:
        return {event.partition(":")[0] for event in world.events(run) if "Insufficient nvidia.com/gpu" in event}

    world.until(lambda: len(refused()) >= 2, "the cluster says of two pods that no GPU is left")
    world.until(
        lambda: {step.state for step in world.airflow.steps(run) if step.task_id == "train_semseg"} == {"deferred"},
        "all four wait without a worker",
    )
    world.tell("go-on-training")
    world.until(lambda: not world.airflow.run(run.dag_id, run.id).active, "the run ends")
    print(world.evidence(run))
    steps = [step for step in world.airflow.steps(run) if step.task_id == "train_semseg"]
    assert [(step.state, step.try_number) for step in steps] == [("success", 1)] * 4
    assert [world.airflow.value(step) for step in steps] == [{"id": ID}] * 4
    running: dict[str, bool] = {}
    for kind, pod in world.changes(run):
        running[pod["metadata"]["uid"]] = kind != "DELETED" and pod["status"].get("phase") == "Running"
        assert sum(running.values()) <= 2
    assert len(running) == 4
    assert not {state for state, _ in world.states(run)} & {"failed", "up_for_retry"}


def test_out_of_memory_is_named_with_the_number_to_raise_and_not_tried_again(started: Started) -> None:
    step, log = started.look("memory")
    assert (step.state, step.try_number, step.max_tries) == ("failed", 1, 4)
    assert "tables was killed for want of memory (OOMKilled): its pod may use 64Mi" in log
    assert "raise pods.cpu.memory" in log
    assert "OOMKilled" in started.world.evidence(started.runs["memory"])


def test_an_image_that_is_missing_is_named_within_a_minute(started: Started) -> None:
    step, log = started.look("missing_image")
    said = "the image registry.invalid/oi-trainer:none cannot be pulled"
    assert step.state == "up_for_retry"
    assert said in log
    assert "OI_TRAINER_IMAGE" in log
    assert started.seconds_until("missing_image", said) < 60
    assert any("Failed to pull image" in event for event in started.world.events(started.runs["missing_image"]))


def test_a_secret_that_is_missing_is_named_within_a_minute(started: Started) -> None:
    step, log = started.look("missing_secret")
    said = 'the container cannot be made: secret "no-such-keys" not found'
    assert step.state == "up_for_retry"
    assert said in log
    assert f"namespace {started.world.namespace}" in log
    assert started.seconds_until("missing_secret", said) < 60
    assert any("no-such-keys" in event for event in started.world.events(started.runs["missing_secret"]))


def test_a_pod_that_hangs_is_stopped_at_its_deadline(started: Started) -> None:
    step, log = started.look("hangs")
    assert step.state == "up_for_retry"
    assert "tables ran for 0.001 hours, the limit, and was stopped; raise pods.cpu.hours" in log
    assert any("DeadlineExceeded" in event for event in started.world.events(started.runs["hangs"]))
    assert not started.world.pods(started.runs["hangs"])


def test_bad_input_ends_a_task_for_good_with_the_jobs_own_words(started: Started) -> None:
    step, log = started.look("bad_input")
    assert (step.state, step.try_number, step.max_tries) == ("failed", 1, 4)
    assert "tables ended with status 2: oi: no such release [step_failed]" in log


def test_every_line_of_a_pod_is_once_in_the_log_that_airflow_shows(started: Started) -> None:
    world, run = started.world, started.runs["lines"]

    def times() -> list[int]:
        shown = [line for _, line in world.log(world.step(run))]
        return [sum(f"line <{index}>" in line for line in shown) for index in range(LINES)]

    world.until(lambda: times()[0] == 1 and world.step(run).state == "deferred", "lines are shown while the pod runs")
    world.tell("end-of-lines")
    assert started.look("lines")[0].state == "success"
    assert times() == [1] * LINES


def test_a_step_that_waits_for_a_quota_goes_on_when_there_is_room_and_is_never_said_to_have_failed(
    started: Started,
) -> None:
    world = started.world
    runs = [started.runs[name] for name in ("first", "second")]
    steps = [world.ended(run) for run in runs]
    assert [(step.state, step.try_number) for step in steps] == [("success", 1)] * 2
    logs = ["\n".join(line for _, line in world.log(step)) for step in steps]
    (waited,) = [log for log in logs if NO_ROOM in log]
    assert "asked again in 30 s" in waited
    for run in runs:
        world.until(lambda run=run: "success" in {state for state, _ in world.states(run)}, "its end was seen")
        assert {state for state, _ in world.states(run)} <= {"scheduled", "queued", "running", "deferred", "success"}
        assert [step.state for step in world.told(run)] == ["success"]  # what `oi demo` says of it, at its end alone


def test_a_training_that_is_preempted_ends_with_the_weights_of_one_that_never_stopped(started: Started) -> None:
    world = started.world
    runs = [started.runs[name] for name in ("preempted", "uninterrupted")]
    for run in runs:
        world.until(lambda run=run: not world.airflow.run(run.dag_id, run.id).active, "the training ends")
    resumed, whole = (world.step(run, "train_classifier") for run in runs)
    print(world.evidence(runs[0]))
    assert [(step.state, step.try_number) for step in (resumed, whole)] == [("success", 2), ("success", 1)]
    first, second = ("\n".join(line for _, line in world.log(resumed, attempt)) for attempt in (1, 2))
    assert "a retry goes on from there" in first or "not found" in first
    assert "goes on after" in second
    assert any("Killing" in event for event in world.events(runs[0]))
    assert [len({pod["metadata"]["uid"] for _, pod in world.changes(run)}) for run in runs] == [2, 1]

    def weights(step: Step) -> str:
        result = world.airflow.value(step)
        assert result["reused"] is False
        found = Outputs(world.store, world.settings.cache).get("train_classifier", result["id"])
        return sha256_of_file(found.local("model.safetensors"))

    assert weights(resumed) == weights(whole)
    assert not list(world.store.list(WORK, "checkpoints/train_classifier/"))


def test_a_run_given_up_leaves_no_pod_and_an_airflow_that_died_takes_its_pods_up_again(started: Started) -> None:
    """The last: it ends Airflow."""
    world, given_up, kept = started.world, started.runs["given_up"], started.runs["kept"]
    for run in (given_up, kept):
        world.until(lambda run=run: list(world.pods(run).values()) == ["Running"], "its pod runs")
        world.until(lambda run=run: world.step(run).state == "deferred", "no worker waits for it")
    (pod,) = world.pods(kept)

    path = f"/dags/{given_up.dag_id}/dagRuns/{quote(given_up.id, safe='')}"
    world.airflow._ask("PATCH", path, json={"state": "failed"})
    world.until(lambda: not world.pods(given_up), "the pod of the run that was marked failed is gone")
    assert world.airflow.run(given_up.dag_id, given_up.id).state == "failed"
    assert list(world.pods(kept)) == [pod]

    world.kill_airflow()
    assert world.pods(kept) == {pod: "Running"}
    world.start()
    end = time.monotonic() + 20
    while time.monotonic() < end:  # it has taken up its tasks again, and makes no second pod
        assert list(world.pods(kept)) == [pod]
        time.sleep(1)
    world.tell("go-on")
    world.until(lambda: world.step(kept).state == "success", "the task ends well")
    assert world.step(kept).try_number == 1
    assert world.airflow.value(world.step(kept)) == {"id": ID}
    world.until(lambda: not world.pods(kept), "its pod is removed")
    print(world.evidence(given_up, kept))
