"""The manifests of an installation: they build, hold no secret, and a real API server takes them."""

import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.shared_cluster import Cluster

CHECKOUT = Path(__file__).parents[2]
K8S = CHECKOUT / "k8s"
OVERLAYS = ("local", "gpu")
DRY = ("--dry-run=server", "--validate=strict", "-f", "-")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The k8s folder, with keys made by its own script."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(K8S, folder / "k8s", ignore=shutil.ignore_patterns("keys"))
    for overlay in OVERLAYS:
        subprocess.run([folder / "k8s" / "new-keys", overlay], check=True, capture_output=True)
    return folder / "k8s"


@pytest.fixture(scope="module")
def strict(cluster: Cluster) -> Iterator[str]:
    """A namespace that refuses pods with more rights than they need, as k8s/base makes it for jobs."""
    name = f"oi-strict-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def built(cluster: Cluster, copy: Path, overlay: str) -> list[dict[str, Any]]:
    """The objects of an overlay."""
    return list(yaml.safe_load_all(cluster.kubectl("kustomize", str(copy / "overlays" / overlay))))


def test_keys_are_made_once_and_only_their_owner_reads_them(copy: Path) -> None:
    keys = copy / "overlays" / "local" / "keys"
    before = {path.name: path.read_text() for path in keys.iterdir()}
    again = subprocess.run([copy / "new-keys", "local"], capture_output=True, text=True, check=True)
    assert "as before" in again.stdout
    assert {path.name: path.read_text() for path in keys.iterdir()} == before
    assert all(path.stat().st_mode & 0o077 == 0 for path in [keys, *keys.iterdir()])
    jobs, setup = (dict(re.findall(r"(.+?)=(.*)", before[name])) for name in ("jobs.env", "setup.env"))
    assert jobs["OI_STORE_SECRET_KEY"] == setup["OI_STORE_SECRET_KEY"]
    assert "OI_MINIO_ROOT_PASSWORD" not in jobs
    (keys / "minio.env").rename(keys / "kept")
    partial = subprocess.run([copy / "new-keys", "local"], capture_output=True, text=True, check=False)
    (keys / "kept").rename(keys / "minio.env")
    assert partial.returncode == 1
    assert partial.stderr.count("\n") == 1


def test_git_is_told_to_leave_the_keys_out() -> None:
    assert "k8s/overlays/*/keys/" in (CHECKOUT / ".gitignore").read_text().splitlines()
    wanted = [yaml.safe_load((K8S / "overlays" / name / "kustomization.yaml").read_text()) for name in OVERLAYS]
    files = {file for one in wanted for generator in one["secretGenerator"] for file in generator["envs"]}
    assert {str(Path(file).parent) for file in files} == {"keys"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_server_is_small_in_rights(cluster: Cluster, copy: Path, overlay: str) -> None:
    objects = built(cluster, copy, overlay)
    servers = [one for one in objects if one["kind"] in ("Deployment", "StatefulSet", "Job")]
    assert {one["metadata"]["name"] for one in servers} >= {"minio", "mlflow", "setup"}
    for server in servers:
        spec = server["spec"]["template"]["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        for container in spec["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]
    (role,) = [one for one in objects if one["kind"] == "Role"]
    assert not {"pods/exec", "secrets", "*"} & {name for rule in role["rules"] for name in rule["resources"]}
    assert not [one for one in objects if one["kind"].startswith("ClusterRole")]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_real_api_server_takes_the_manifests(cluster: Cluster, copy: Path, namespace: str, overlay: str) -> None:
    objects = built(cluster, copy, overlay)
    for made in objects:
        if "namespace" in made["metadata"]:
            made["metadata"]["namespace"] = namespace  # a dry run makes no namespaces for what stands in them
    done = cluster.run("create", *DRY, given=yaml.safe_dump_all(objects))
    refused = [line for line in done.stderr.splitlines() if "already exists" not in line]
    assert refused == []
    assert done.stdout.count("dry run") + done.stderr.count("already exists") == len(objects)


def test_a_misspelt_field_is_refused_by_that_check(cluster: Cluster, copy: Path, namespace: str) -> None:
    (quota,) = [one for one in built(cluster, copy, "local") if one["kind"] == "ResourceQuota"]
    quota["metadata"]["namespace"] = namespace
    quota["spec"]["hrad"] = quota["spec"].pop("hard")
    done = cluster.run("create", *DRY, given=yaml.safe_dump(quota))
    assert done.returncode != 0
    assert "hrad" in done.stderr


@pytest.mark.parametrize("job", ["tables", "train_classifier"])
def test_a_namespace_that_takes_no_rights_takes_what_oi_pod_prints(cluster: Cluster, strict: str, job: str) -> None:
    from tests.test_cli import oi

    printed = oi("pod", job, "--gpus", "1", OI_NAMESPACE=strict, OI_TRAINER_IMAGE="registry.example/oi-trainer:7")
    assert printed.returncode == 0
    taken = yaml.safe_load(cluster.kubectl("create", *DRY, "-o", "yaml", given=printed.stdout))
    assert taken["metadata"]["labels"]["oi/job"] == job
    assert taken["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_the_launcher_may_do_what_the_operator_does_and_no_more(cluster: Cluster, copy: Path, namespace: str) -> None:
    for made in built(cluster, copy, "local"):
        if made["kind"] in ("Role", "RoleBinding", "ServiceAccount"):
            made["metadata"]["namespace"] = namespace
            for subject in made.get("subjects", []):
                subject["namespace"] = namespace
            cluster.kubectl("apply", "-f", "-", given=yaml.safe_dump(made))
    account = f"system:serviceaccount:{namespace}:oi-launcher"

    def may(verb: str, what: str, part: str = "", where: str = namespace) -> bool:
        words = ("auth", "can-i", verb, what, f"--subresource={part}", "-n", where, "--as", account)
        return cluster.run(*words).stdout.strip() == "yes"

    assert all(may(verb, "pods") for verb in ("create", "get", "list", "watch", "patch", "delete"))
    assert may("get", "pods", "log")
    assert may("list", "events")
    assert not may("create", "pods", "exec")
    assert not may("get", "secrets")
    assert not may("create", "pods", where="default")
