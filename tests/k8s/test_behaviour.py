"""What a user sees of pods that go wrong, on a real cluster: in one line, soon, and with what to change."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any

import pytest

from oi_tasks.io.store import WORK, Store
from oi_tasks.settings import Settings
from tests.k8s.drive import Task
from tests.shared_cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
Make = Callable[..., Task]


def failure(task: Task) -> tuple[str, bool]:
    """What the task says when it fails, and whether Airflow will not retry it."""
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    with pytest.raises(AirflowException) as raised:
        task.run()
    assert "\n" not in str(raised.value)
    return str(raised.value), isinstance(raised.value, AirflowFailException)


def left(cluster: Cluster, namespace: str) -> list[str]:
    """The pods that are there and not on their way out."""
    return [pod["metadata"]["name"] for pod in cluster.pods(namespace) if "deletionTimestamp" not in pod["metadata"]]


def test_a_pod_out_of_memory_says_which_number_to_raise(in_pods: Make, cluster: Cluster, namespace: str) -> None:
    said, final = failure(in_pods("tables", "x = b'x' * (600 << 20)", {"cpu": {"memory": "64Mi"}}))
    assert "tables was killed for want of memory (OOMKilled)" in said
    assert "64Mi" in said
    assert "raise pods.cpu.memory" in said
    assert final
    assert left(cluster, namespace) == []


def test_an_image_that_is_missing_is_named(
    in_pods: Make, cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OI_TRAINER_IMAGE", "registry.invalid/oi-trainer:none")
    began = time.monotonic()
    said, final = failure(in_pods("tables", "pass"))
    assert time.monotonic() - began < 60
    assert "the image registry.invalid/oi-trainer:none cannot be pulled" in said
    assert "OI_TRAINER_IMAGE" in said
    assert not final
    assert left(cluster, namespace) == []


def test_a_secret_that_is_missing_is_named(
    in_pods: Make, cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OI_POD_SECRET", "no-such-keys")
    began = time.monotonic()
    said, _ = failure(in_pods("tables", "pass"))
    assert time.monotonic() - began < 60
    assert 'secret "no-such-keys" not found' in said
    assert namespace in said
    assert left(cluster, namespace) == []


def test_a_pod_that_hangs_is_stopped_at_its_deadline(in_pods: Make, cluster: Cluster, namespace: str) -> None:
    said, final = failure(in_pods("tables", "import time\ntime.sleep(600)", {"cpu": {"hours": 0.001}}))
    assert "tables ran for 0.001 hours, the limit, and was stopped" in said
    assert "pods.cpu.hours" in said
    assert not final
    assert left(cluster, namespace) == []


# All on one stream, as jobs do: lines of two streams reach a pod's log in any order.
SAYS_WHAT_IS_WRONG = """
import sys
for line in ("a line before", "oi: no such release"):
    print(line, file=sys.stderr, flush=True)
sys.exit(2)
"""


def test_bad_input_ends_the_task_for_good_with_the_jobs_own_words(in_pods: Make) -> None:
    said, final = failure(in_pods("tables", SAYS_WHAT_IS_WRONG))
    assert said == "tables ended with status 2: oi: no such release [step_failed]"
    assert final


def test_a_pod_that_is_taken_away_while_it_works_may_be_retried(
    in_pods: Make, cluster: Cluster, namespace: str
) -> None:
    program = """
import signal, sys, time
def stop(*_):
    print("oi: stopped in epoch 3 with the state saved", flush=True)
    sys.exit(75)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(600)
"""
    task = in_pods("train_semseg", program, cluster="fish")

    def take_away() -> None:
        while not any(pod["status"].get("phase") == "Running" for pod in cluster.pods(namespace)):
            time.sleep(0.5)
        time.sleep(2)
        cluster.kubectl("-n", namespace, "delete", "pod", "-l", "oi/job=train_semseg", "--wait=false")

    taker = Thread(target=take_away)
    taker.start()
    said, final = failure(task)
    taker.join()
    assert not final
    assert "a retry goes on from there" in said or "not found" in said
    assert left(cluster, namespace) == []


@pytest.fixture
def write_results(
    in_pods: Make, minio_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[[list[Task]], None]:
    """Writes to a store what the jobs of tasks, which are other programs here, would have written."""
    monkeypatch.setenv("OI_STORE_ENDPOINT", minio_settings.store_endpoint)
    monkeypatch.setenv("OI_STORE_ACCESS_KEY", minio_settings.store_access_key)
    monkeypatch.setenv("OI_STORE_SECRET_KEY", minio_settings.store_secret_key.get_secret_value())

    def write(tasks: list[Task]) -> None:
        for task in tasks:
            key = task.operator().result_key(task.context)
            Store(minio_settings).put_json(WORK, key, {"id": str(task.map_index)})

    return write


def test_four_trainings_on_two_gpus_wait_for_each_other_and_all_end(
    write_results: Callable[[list[Task]], None], in_pods: Make, cluster: Cluster, namespace: str
) -> None:
    first = in_pods("train_semseg", "import time\ntime.sleep(6)", {"gpu": {"gpus": 1}})
    tasks = [Task(first.job, first.profile, {"cluster": f"c{index}"}, index) for index in range(4)]
    write_results(tasks)
    most, waited, over = 0, set[str](), Event()

    def watch() -> None:
        nonlocal most
        while not over.wait(0.5):
            pods: list[dict[str, Any]] = cluster.pods(namespace)
            most = max(most, sum(pod["status"].get("phase") == "Running" for pod in pods))
            waited.update(
                pod["metadata"]["name"]
                for pod in pods
                for condition in pod["status"].get("conditions", [])
                if "Insufficient nvidia.com/gpu" in condition.get("message", "")
            )

    watcher = Thread(target=watch)
    watcher.start()
    try:
        with ThreadPoolExecutor(4) as threads:
            results = list(threads.map(Task.run, tasks))
    finally:
        over.set()
        watcher.join()
    assert [result["id"] for result in results] == ["0", "1", "2", "3"]
    assert 1 <= most <= 2
    assert len(waited) >= 2
    assert left(cluster, namespace) == []


def test_a_pod_without_room_in_the_quota_waits_for_it(
    write_results: Callable[[list[Task]], None],
    in_pods: Make,
    cluster: Cluster,
    namespace: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first takes the whole quota for some seconds; the second goes on once it has ended."""
    first = in_pods("tables", "import time\ntime.sleep(8)", {"cpu": {"cpu": "100m"}})
    import pods

    monkeypatch.setattr(pods, "ROOM", 1)
    both = [first, Task(first.job, first.profile, {"release": "b" * 20}, 1)]
    write_results(both)
    cluster.kubectl("-n", namespace, "create", "quota", "room", "--hard=requests.cpu=150m")
    try:
        with ThreadPoolExecutor(2) as threads:
            results = list(threads.map(Task.run, both))
        said = [line for line in capsys.readouterr().out.splitlines() if "no room for the pod of tables" in line]
        large, final = failure(in_pods("tables", "pass", {"cpu": {"cpu": "200m"}}))
    finally:
        cluster.kubectl("-n", namespace, "delete", "quota", "room")
    assert [result["id"] for result in results] == ["-1", "1"]
    assert said
    assert "requests.cpu=100m" in said[0]
    assert "the whole quota is requests.cpu=150m" in large
    assert final
    assert left(cluster, namespace) == []


def test_more_gpus_than_any_node_has_is_said_with_the_scheduler_s_words(
    in_pods: Make, cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = in_pods("train_semseg", "pass", {"gpu": {"gpus": 64}})
    import pods

    monkeypatch.setattr(pods, "QUEUE", 8)
    said, _ = failure(task)
    assert "no node took the pod of train_semseg" in said
    assert "Insufficient nvidia.com/gpu" in said
    assert "64 GPUs" in said
    assert left(cluster, namespace) == []


def test_every_line_of_a_pod_is_in_the_log_of_its_task_once(in_pods: Make, capsys: pytest.CaptureFixture[str]) -> None:
    program = "import sys, time\nfor i in range(20):\n    print(f'line <{i}>')\n    time.sleep(1)\nsys.exit(3)"
    failure(in_pods("tables", program))  # some of it while the pod runs, the rest when it has ended
    logged = [line for line in capsys.readouterr().out.splitlines() if "[base]" in line]
    assert [sum(f"line <{index}>" in line for line in logged) for index in range(20)] == [1] * 20
