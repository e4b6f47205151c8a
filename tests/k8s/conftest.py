"""A real cluster: a namespace of its own in it, and tasks that run there as Airflow runs them."""

import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from oi_tasks.profile import Profile
from oi_tasks.settings import settings as process_settings
from tests import shared_cluster
from tests.k8s.drive import Task
from tests.shared_cluster import Cluster

CHECKOUT = Path(__file__).parents[2]
ENVIRONMENT = {
    "PATH": "/program:/usr/bin:/bin",
    "HOME": "/scratch",
    "TMPDIR": "/scratch",
    "OI_CACHE": "/scratch/cache",
    "OMP_NUM_THREADS": "1",  # sums in the same order, however busy the machine is
}


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster beside the checkout. Where none stands, or it cannot be brought up without root, that is said."""
    if not shared_cluster.there():
        pytest.skip("left out: there is no shared/cluster beside the checkout")
    if os.geteuid() != 0:
        pytest.skip("left out: to bring up the cluster beside the checkout takes root")
    return shared_cluster.up()


@pytest.fixture(scope="session")
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace for this session, with the secret that pods need."""
    name = f"oi-test-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    try:
        cluster.kubectl("-n", name, "create", "secret", "generic", "oi-keys", "--from-literal=OI_NOTHING=x")
        yield name
    finally:
        cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def image(cluster: Cluster) -> str:
    """An image with Python, on the node."""
    name = shared_cluster.base_image()
    if not cluster.has(name):
        shared_cluster.load(name)
        assert shared_cluster.listed(cluster, name)
    return name


@pytest.fixture
def in_pods(
    cluster: Cluster,
    namespace: str,
    image: str,
    own_environment: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Callable[..., Task]]:
    """Makes a task that runs in a pod of the cluster; its `oi` is the given Python program."""
    for name, value in ({"AIRFLOW_HOME": str(tmp_path)} | pod_settings(cluster, namespace, image, tmp_path)).items():
        monkeypatch.setenv(name, value)
    for folder in ("dags", "dags/plugins"):
        monkeypatch.syspath_prepend(str(CHECKOUT / folder))

    def make(job: str, program: str, pods: dict[str, Any]) -> Task:
        write_templates(tmp_path, program)
        process_settings.cache_clear()
        return Task(job, in_small_pods({"name": "p"}, pods))

    yield make
    for name in ("jobs", "pods", "pod_logs", "pause"):
        sys.modules.pop(name, None)


def pod_settings(cluster: Cluster, namespace: str, image: str, folder: Path) -> dict[str, str]:
    """The settings under which steps run as pods of the cluster, by the templates in a folder."""
    return {
        "OI_EXECUTION": "kubernetes",
        "OI_KUBECONFIG": str(cluster.kubeconfig),
        "OI_NAMESPACE": namespace,
        "OI_TRAINER_IMAGE": image,
        "OI_POD_TEMPLATES": str(folder / "templates"),
    }


def in_small_pods(profile: dict[str, Any], pods: dict[str, Any]) -> dict[str, Any]:
    """A whole profile, whose pods ask for little but for what is given."""
    small = {kind: {"cpu": "100m", "memory": "128Mi"} | pods.get(kind, {}) for kind in ("cpu", "gpu")}
    return Profile.model_validate(profile | {"pods": small}).model_dump(mode="json")


def write_templates(folder: Path, program: str) -> None:
    """The shipped templates, with a program in the place of `oi` and little patience."""
    bin_folder = folder / "bin"
    for made in (bin_folder, folder / "templates"):
        made.mkdir(exist_ok=True)
        made.chmod(0o755)
    (bin_folder / "oi").write_text(f"#!/usr/bin/python3 -u\n{program}\n")
    (bin_folder / "oi").chmod(0o755)
    for kind in ("cpu", "gpu"):
        template = yaml.safe_load((CHECKOUT / "k8s" / "pods" / f"{kind}.yaml").read_text())
        spec = template["spec"]
        spec["terminationGracePeriodSeconds"] = 5
        for name, path, at in (("bin", bin_folder, "/program"), ("checkout", CHECKOUT, str(CHECKOUT))):
            spec["volumes"].append({"name": name, "hostPath": {"path": str(path), "type": "Directory"}})
            spec["containers"][0]["volumeMounts"].append({"name": name, "mountPath": at, "readOnly": True})
        spec["containers"][0]["env"] = [{"name": name, "value": value} for name, value in ENVIRONMENT.items()]
        (folder / "templates" / f"{kind}.yaml").write_text(json.dumps(template))
