"""What a task says of pods for which there is never room, and all that its pod says. The rest: test_airflow."""

from collections.abc import Callable

import pytest

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


def test_a_pod_that_asks_for_more_than_the_whole_quota_is_not_waited_for(
    in_pods: Make, cluster: Cluster, namespace: str
) -> None:
    cluster.kubectl("-n", namespace, "create", "quota", "room", "--hard=requests.cpu=150m")
    try:
        said, final = failure(in_pods("tables", "pass", {"cpu": {"cpu": "200m"}}))
    finally:
        cluster.kubectl("-n", namespace, "delete", "quota", "room")
    assert "the whole quota is requests.cpu=150m" in said
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
    """With lines at each second, one reading after another ends and begins among them."""
    program = "import sys, time\nfor i in range(20):\n    print(f'line <{i}>')\n    time.sleep(1)\nsys.exit(3)"
    failure(in_pods("tables", program, {}))  # some of it while the pod runs, the rest when it has ended
    logged = [line for line in capsys.readouterr().out.splitlines() if "[base]" in line]
    assert [sum(f"line <{index}>" in line for line in logged) for index in range(20)] == [1] * 20
