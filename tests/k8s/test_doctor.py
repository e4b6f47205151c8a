"""`oi doctor` on a real cluster: what is well, and each thing that is not."""

from pathlib import Path

import pytest
import yaml

from tests.shared_cluster import Cluster
from tests.test_doctor import doctor

IN_CLUSTER = {
    "OI_STORE_ENDPOINT": "http://minio.oi-system:9000",
    "OI_STORE_ACCESS_KEY": "oi-jobs",
    "OI_STORE_SECRET_KEY": "secret",
    "OI_MLFLOW_URL": "http://mlflow.oi-system:5000",
}


@pytest.fixture
def settings(cluster: Cluster, namespace: str, image: str) -> dict[str, str]:
    """The settings of pods in this session's namespace."""
    return {
        "OI_EXECUTION": "kubernetes",
        "OI_KUBECONFIG": str(cluster.kubeconfig),
        "OI_NAMESPACE": namespace,
        "OI_TRAINER_IMAGE": image,
        "OI_POD_SECRET": "doctor",
    }


def give(cluster: Cluster, namespace: str, lines: dict[str, str]) -> None:
    """Make the secret anew, with these lines."""
    cluster.kubectl("-n", namespace, "delete", "secret", "doctor", "--ignore-not-found")
    words = [f"--from-literal={name}={value}" for name, value in lines.items()]
    cluster.kubectl("-n", namespace, "create", "secret", "generic", "doctor", *words)


def test_a_cluster_that_is_well(cluster: Cluster, namespace: str, settings: dict[str, str]) -> None:
    give(cluster, namespace, IN_CLUSTER)
    status, said = doctor(**settings)
    assert status == 0
    for name in ("cluster", "namespace", "rights", "secret", "image", "room for pods"):
        assert said[name]["state"] == "ok", said[name]


def test_each_thing_that_is_missing_is_named(
    cluster: Cluster, namespace: str, settings: dict[str, str], tmp_path: Path
) -> None:
    give(cluster, namespace, IN_CLUSTER | {"OI_MLFLOW_URL": "http://127.0.0.1:5000"})
    (tmp_path / "large.yaml").write_text("name: large\npods: {gpu: {gpus: 64, memory: 1Gi}}\n")
    wrong = settings | {"OI_TRAINER_IMAGE": "no-such-image:1"}
    status, said = doctor("--profile", str(tmp_path / "large.yaml"), **wrong)
    assert status == 1
    assert "OI_MLFLOW_URL" in said["secret"]["said"]
    assert "is the pod itself" in said["secret"]["said"]
    assert "no-such-image:1" in said["image"]["said"]
    assert "64 GPUs" in said["room for pods"]["said"]
    assert "2 GPUs" in said["room for pods"]["said"]
    _, said = doctor(**settings | {"OI_NAMESPACE": "no-such-namespace", "OI_TRAINER_IMAGE": "registry.example/oi:1"})
    assert "no namespace no-such-namespace" in said["namespace"]["said"]
    assert said["secret"]["state"] == "failed"
    assert said["image"]["state"] == "unknown"
    give(cluster, namespace, {"OI_STORE_ENDPOINT": "http://minio:9000"})
    _, said = doctor(**settings)
    assert "lacks OI_STORE_ACCESS_KEY, OI_STORE_SECRET_KEY, OI_MLFLOW_URL" in said["secret"]["said"]


def test_a_key_without_rights_is_told_what_it_lacks(
    cluster: Cluster, namespace: str, settings: dict[str, str], tmp_path: Path
) -> None:
    cluster.kubectl("-n", namespace, "create", "serviceaccount", "nobody")
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    token = cluster.kubectl("-n", namespace, "create", "token", "nobody").strip()
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    status, said = doctor(**settings | {"OI_KUBECONFIG": str(tmp_path / "kubeconfig")})
    assert status == 1
    assert said["cluster"]["state"] == "ok"
    assert "create pods" in said["rights"]["said"]
    assert "get pods/log" in said["rights"]["said"]
    assert "oi-pod-launcher" in said["rights"]["fix"]
    assert {said[name]["state"] for name in ("namespace", "secret", "image", "room for pods")} == {"unknown"}
    config["users"][0]["user"]["token"] = "expired"
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    _, said = doctor(**settings | {"OI_KUBECONFIG": str(tmp_path / "kubeconfig")})
    assert "the cluster answers 401" in said["cluster"]["said"]
