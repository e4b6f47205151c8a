"""A job as a pod: what the template, the profile and the DAG each put into it."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from oi_tasks.jobs import JOBS
from oi_tasks.profile import Profile
from oi_tasks.settings import settings

CHECKOUT = Path(__file__).parents[2]
DAGS, TEMPLATES = CHECKOUT / "dags", CHECKOUT / "k8s" / "pods"


@pytest.fixture
def wiring(own_environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The factory, asked for pods."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("OI_EXECUTION", "kubernetes")
    monkeypatch.setenv("OI_KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setenv("OI_TRAINER_IMAGE", "registry.example/oi-trainer:7")
    settings.cache_clear()
    monkeypatch.syspath_prepend(str(DAGS))
    import jobs

    yield jobs
    for name in ("jobs", "pods"):
        sys.modules.pop(name, None)


class Ti:
    """As much of a task instance as naming a result needs."""

    dag_id, run_id, task_id, map_index, try_number = "oi_retrain", "manual__1", "train_semseg", 2, 1


def pod(wiring: Any, job: str, profile: dict[str, Any], **inputs: Any) -> dict[str, Any]:
    """The pod of a job, as Kubernetes would get it."""
    from kubernetes.client import ApiClient

    operator, arguments = wiring._operator()
    task = operator(task_id=job, job=job, profile=profile, inputs=inputs, **arguments(job))
    context = {"ti": Ti(), "params": {"force": True}}
    made: dict[str, Any] = ApiClient().sanitize_for_serialization(
        task.build_pod_request_obj(context | {"dag": None, "run_id": "manual__1"}, dry_run=True)
    )
    return made


def profile(**pods: Any) -> dict[str, Any]:
    return Profile.model_validate({"name": "p", "pods": pods}).model_dump(mode="json")


def test_a_training_pod_asks_for_what_the_profile_says_and_runs_the_command_of_a_laptop(wiring: Any) -> None:
    chosen = profile(gpu={"cpu": "6", "memory": "48Gi", "gpus": 2}, queue="night")
    made = pod(wiring, "train_semseg", chosen, dataset={"id": "a" * 20, "result": {}}, cluster="fish")
    spec = made["spec"]
    (base,) = [container for container in spec["containers"] if container["name"] == "base"]
    assert base["image"] == "registry.example/oi-trainer:7"
    assert base["resources"]["limits"] == {"memory": "48Gi", "nvidia.com/gpu": "2"}
    assert base["resources"]["requests"] == {"cpu": "6", "memory": "48Gi", "nvidia.com/gpu": "2"}
    assert base["command"] == ["oi"]
    words = base["args"]
    assert words[0] == "train_semseg"
    assert f"dataset={'a' * 20}" in words
    assert "cluster=fish" in words
    assert words[words.index("--result") + 1] == "runs/oi_retrain/manual__1/train_semseg-2.json"
    assert words[-1] == "--force"
    assert base["envFrom"] == [{"secretRef": {"name": "oi-keys"}}]
    assert made["metadata"]["labels"]["oi/job"] == "train_semseg"
    assert made["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "night"
    assert made["metadata"]["namespace"] == "oi"
    assert made["metadata"]["name"].startswith("oi-train-semseg")


def test_no_key_stands_in_a_pod(wiring: Any) -> None:
    made = pod(wiring, "collapse", profile(), validated="b" * 20)
    assert "OI_STORE_SECRET_KEY" not in yaml.safe_dump(made)


def test_a_step_without_a_gpu_asks_for_none_and_waits_in_no_queue(wiring: Any) -> None:
    made = pod(wiring, "tables", profile(queue="night"), release="c" * 20)
    assert "nvidia.com/gpu" not in yaml.safe_dump(made["spec"]["containers"][0]["resources"])
    assert "kueue.x-k8s.io/queue-name" not in made["metadata"]["labels"]


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_a_template_keeps_a_pod_small_in_rights(name: str) -> None:
    spec = yaml.safe_load((TEMPLATES / f"{name}.yaml").read_text())["spec"]
    (base,) = spec["containers"]
    assert base["name"] == "base"
    assert base["securityContext"]["readOnlyRootFilesystem"] is True
    assert base["securityContext"]["allowPrivilegeEscalation"] is False
    assert base["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["automountServiceAccountToken"] is False
    assert spec["restartPolicy"] == "Never"
    assert spec["terminationGracePeriodSeconds"] >= 60
    assert {mount["name"] for mount in base["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}


def test_every_step_has_arguments_for_its_pod(wiring: Any) -> None:
    _, arguments = wiring._operator()
    for job in JOBS:
        found = arguments(job)
        assert Path(found["pod_template_file"]).is_file()
        assert found["on_finish_action"] == "delete_pod"
        assert found["deferrable"] is True
