"""A job as a pod: what the template, the profile and the DAG each put into it."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from oi_tasks.jobs import JOBS
from oi_tasks.pods.manifest import kind_of
from oi_tasks.profile import Profile, load_profile
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
    for folder in (DAGS, DAGS / "plugins"):
        monkeypatch.syspath_prepend(str(folder))
    import jobs

    yield jobs
    for name in ("jobs", "pods", "pod_logs"):
        sys.modules.pop(name, None)


class Ti:
    """As much of a task instance as naming a result needs."""

    dag_id, run_id, task_id, map_index, try_number = "oi_retrain", "manual__1", "train_semseg", 2, 1


def task_of(wiring: Any, job: str, profile: dict[str, Any], **inputs: Any) -> Any:
    """The task that a DAG makes for a job."""
    operator, arguments = wiring._operator()
    return operator(task_id=job, job=job, profile=profile, inputs=inputs, **arguments(job))


def pod(wiring: Any, job: str, profile: dict[str, Any], **inputs: Any) -> dict[str, Any]:
    """The pod of a job, as Kubernetes would get it."""
    from kubernetes.client import ApiClient

    task = task_of(wiring, job, profile, **inputs)
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
    assert words[:3] == ["torchrun", "2", "train_semseg"]
    assert f"dataset={'a' * 20}" in words
    assert "cluster=fish" in words
    assert words[words.index("--result") + 1] == "runs/oi_retrain/manual__1/train_semseg-2.json"
    assert words[-1] == "--force"
    assert base["envFrom"] == [{"secretRef": {"name": "oi-keys"}}]
    assert made["metadata"]["labels"]["oi/job"] == "train_semseg"
    assert made["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "night"
    assert made["metadata"]["namespace"] == "oi"
    assert made["metadata"]["name"].startswith("oi-train-semseg")


@pytest.mark.parametrize(("gpus", "first"), [(0, "train_semseg"), (1, "train_semseg"), (4, "torchrun")])
def test_only_a_training_on_several_gpus_runs_in_several_processes(wiring: Any, gpus: int, first: str) -> None:
    chosen = profile(gpu={"gpus": gpus}, cpu={"gpus": 4})
    assert pod(wiring, "train_semseg", chosen, cluster="fish")["spec"]["containers"][0]["args"][0] == first
    assert pod(wiring, "tables", chosen, release="c" * 20)["spec"]["containers"][0]["args"][0] == "tables"


def test_no_key_stands_in_a_pod(wiring: Any) -> None:
    made = pod(wiring, "collapse", profile(), validated="b" * 20)
    assert "OI_STORE_SECRET_KEY" not in yaml.safe_dump(made)


@pytest.mark.parametrize("address", ["", "https://air.example"])
def test_a_pod_is_told_where_people_find_airflow(wiring: Any, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """It writes links to there; nothing where that is not known."""
    monkeypatch.setenv("OI_AIRFLOW_URL", address)
    settings.cache_clear()
    told = pod(wiring, "evaluate", profile(), dataset="b" * 20)["spec"]["containers"][0]["env"]
    assert {one["name"]: one["value"] for one in told}.get("OI_AIRFLOW_URL", "") == address


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
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert {"name": "shm", "mountPath": "/dev/shm"} in base["volumeMounts"]
    assert all("sizeLimit" in volume["emptyDir"] for volume in spec["volumes"])
    assert {"oi/spot", "cloud.google.com/gke-spot"} <= {one["key"] for one in spec["tolerations"]}
    assert {mount["name"] for mount in base["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}


def without_empty(value: Any) -> Any:
    """As the API server takes it: what is empty or false is as if it were not there."""
    if isinstance(value, dict):
        kept = {name: without_empty(one) for name, one in value.items()}
        return {name: one for name, one in kept.items() if one not in ({}, [], None) and one is not False}
    return [without_empty(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("job", "fields"), [("tables", {"release": "c" * 20}), ("train_semseg", {"cluster": "fish"})])
def test_what_oi_pod_prints_is_what_the_operator_makes(
    wiring: Any, job: str, fields: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    from oi_tasks.commands.pod import pod as oi_pod

    oi_pod(job, "demo", [f"{name}={value}" for name, value in fields.items()], gpus=None, as_json=False)
    shown = yaml.safe_load(capsys.readouterr().out)
    made = pod(wiring, job, load_profile("demo").model_dump(mode="json"), **fields)
    for name in (
        "dag_id",
        "task_id",
        "run_id",
        "try_number",
        "map_index",
        "airflow_version",
        "kubernetes_pod_operator",
    ):
        assert made["metadata"]["labels"].pop(name)
    assert made["metadata"]["name"].removeprefix(shown["metadata"]["name"] + "-").isalnum()
    made["metadata"]["name"] = shown["metadata"]["name"]
    words = made["spec"]["containers"][0]["args"]
    del words[words.index("--result") : words.index("--result") + 2], words[words.index("--force")]
    assert without_empty(made) == without_empty(shown)


def test_a_pod_carries_what_it_works_on_as_labels(wiring: Any) -> None:
    made = pod(wiring, "train_semseg", profile(), dataset={"id": "a" * 20}, cluster="cat & dog", semseg=["b" * 20])
    labels = made["metadata"]["labels"]
    assert labels["oi/dataset"] == "a" * 20
    assert labels["oi/cluster"] == "cat---dog"
    assert labels["dag_id"] == "oi_retrain"
    assert labels["run_id"] == "manual__1"
    assert "oi/semseg" not in labels


def test_a_pod_may_not_run_for_ever(wiring: Any) -> None:
    made = pod(wiring, "tables", profile(cpu={"hours": 0.5}), release="c" * 20)
    assert made["spec"]["activeDeadlineSeconds"] == 1800


BAD = {
    "no container named base": "kind: Pod\nspec: {containers: [{name: main}]}",
    "it has main, side": "kind: Pod\nspec: {containers: [{name: main}, {name: side}]}",
    "it has none": "kind: Pod\nspec: {}",
    "is not a manifest of kind Pod": "kind: Deployment",
    "cannot be read": "{",
    "there is no such pod template": None,
}


@pytest.mark.parametrize("said", BAD)
def test_a_template_that_cannot_be_used_is_one_line_and_ends_the_task_for_good(
    wiring: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    if BAD[said] is not None:
        (tmp_path / "cpu.yaml").write_text(BAD[said])
    monkeypatch.setenv("OI_POD_TEMPLATES", str(tmp_path))
    settings.cache_clear()
    with pytest.raises(AirflowFailException) as raised:
        pod(wiring, "tables", profile(), release="c" * 20)
    line = str(raised.value)
    assert said in line
    assert str(tmp_path / "cpu.yaml") in line
    assert "\n" not in line


def test_a_container_beside_the_job_stays_beside_it(
    wiring: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = yaml.safe_load((TEMPLATES / "cpu.yaml").read_text())
    template["spec"]["containers"].insert(0, {"name": "proxy", "image": "registry.example/proxy:1"})
    (tmp_path / "cpu.yaml").write_text(yaml.safe_dump(template))
    monkeypatch.setenv("OI_POD_TEMPLATES", str(tmp_path))
    settings.cache_clear()
    base, proxy = pod(wiring, "tables", profile(), release="c" * 20)["spec"]["containers"]
    assert (base["name"], base["image"]) == ("base", "registry.example/oi-trainer:7")
    assert base["securityContext"]["readOnlyRootFilesystem"] is True
    assert (proxy["name"], proxy["image"]) == ("proxy", "registry.example/proxy:1")
    assert "envFrom" not in proxy


@pytest.mark.parametrize("pods", [{"gpu": {"memory": "lots"}}, {"cpu": {"cpu": "two"}}, {"cpu": {"hours": 0}}])
def test_a_size_that_kubernetes_would_refuse_is_refused_in_the_profile(pods: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        profile(**pods)


def test_every_step_has_arguments_for_its_pod(wiring: Any) -> None:
    _, arguments = wiring._operator()
    assert {kind_of(job) for job in JOBS} == {"cpu", "gpu"}
    for job in JOBS:
        found = arguments(job)
        assert found["on_finish_action"] == "delete_pod"
        assert found["deferrable"] is True


def test_the_workflows_parse_and_serialise_with_every_step_as_a_pod(
    wiring: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization

    bag = DagBag(dag_folder=str(DAGS))
    assert bag.import_errors == {}
    retrain = bag.dags["oi_retrain"]
    assert retrain.get_task("train_semseg").retries == 4
    assert "PodJobOperator" in {retrain.get_task(name).task_type for name in ("plan", "train_semseg")}
    for dag in bag.dags.values():
        DagSerialization.from_dict(DagSerialization.to_dict(dag))
