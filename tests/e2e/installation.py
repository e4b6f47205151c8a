"""`kubectl apply -k k8s/overlays/local` on a real cluster, and its end.

Makes the keys, applies the overlay with the images of MinIO and MLflow that are built from this checkout, waits until
both are ready, and uses them with the key that pods get. At the end what was applied is taken away.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import urllib3
import yaml

from oi_tasks.errors import OiError
from oi_tasks.io.store import WORK, Store
from oi_tasks.io.tracking import Tracking
from oi_tasks.local import keys
from oi_tasks.settings import Settings
from tests.e2e.common import CHECKOUT, check, say
from tests.shared_cluster import Cluster, printed

SYSTEM = "oi-system"


def wait_until_ready(cluster: Cluster) -> None:
    """Until the servers are ready and the set-up job is complete; says what the pods are if they do not come."""
    waits = (
        ("rollout", "status", "statefulset/minio"),
        ("wait", "--for=condition=complete", "job/setup"),
        ("rollout", "status", "deployment/mlflow"),
    )
    for words in waits:
        try:
            cluster.kubectl("-n", SYSTEM, *words, "--timeout=5m")
        except AssertionError:
            say(cluster.kubectl("-n", SYSTEM, "get", "pods,events"))
            check(False, f"kubectl {' '.join(words)}")
        check(True, f"kubectl {' '.join(words)}")


def address(cluster: Cluster, service: str) -> str:
    """Where this machine reaches a service: it is the node, so by the service's own address."""
    spec = cluster.read("-n", SYSTEM, "service", service)["spec"]
    return f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}"


def use(cluster: Cluster, lines: Mapping[str, str]) -> None:
    """The store and MLflow, with the key that pods get and from this machine; and what that key may not do."""
    found = settings_of(lines)
    store, mlflow_url = Store(found), found.mlflow_url
    store.check()
    store.put_bytes(WORK, "trial", b"kept")
    check(store.get_bytes(WORK, "trial") == b"kept", "the jobs' key writes and reads")
    try:
        store.get_bytes("mlflow", "trial")
        check(False, "the jobs' key does not open MLflow's bucket")
    except OiError as error:
        check("AccessDenied" in str(error), f"the jobs' key does not open MLflow's bucket: {error}")
    Tracking(found).check()
    names = {"mlflow.oi-system:5000": 200, "elsewhere.example:5000": 403}
    answers = {name: asked_as(mlflow_url, name) for name in names}
    check(answers == names, f"MLflow answers at {mlflow_url} to the name that pods know, and to no other: {answers}")
    held = cluster.read("-n", "oi", "secret", "oi-keys")["data"]
    check(set(held) == set(lines), "the secret oi-keys holds what pods need")


def settings_of(lines: Mapping[str, str]) -> Settings:
    """The settings that `OI_*` lines make, and nothing else."""
    return Settings(**{name.removeprefix("OI_").lower(): value for name, value in lines.items()}, _env_file=None)


def asked_as(url: str, host: str) -> int:
    """MLflow's answer to one who calls it by that name."""
    address = f"{url}/api/2.0/mlflow/experiments/search?max_results=1"
    return urllib3.request("GET", address, headers={"Host": host}).status


def pods(cluster: Cluster) -> set[str]:
    """The servers' pods, by what tells one from another of the same name."""
    return {pod["metadata"]["uid"] for pod in cluster.read("-n", SYSTEM, "pods")["items"]}


def free_volumes(cluster: Cluster) -> None:
    """Empty the volumes that the installation had, and let them be claimed again: the cluster keeps them."""
    for volume in cluster.read("pv")["items"]:
        if volume["status"]["phase"] == "Released" and volume["spec"]["claimRef"]["namespace"] == SYSTEM:
            shutil.rmtree(volume["spec"]["hostPath"]["path"], ignore_errors=True)
            patch = json.dumps([{"op": "remove", "path": "/spec/claimRef"}])
            cluster.kubectl("patch", "pv", volume["metadata"]["name"], "--type=json", "-p", patch)


@contextmanager
def installed(cluster: Cluster, images: Mapping[str, str], folder: Path) -> Iterator[dict[str, str]]:
    """An installation with these images; gives the `OI_*` lines that name its servers on this machine."""
    copy = folder / "k8s"
    shutil.copytree(CHECKOUT / "k8s", copy, ignore=shutil.ignore_patterns("keys"))
    printed(copy / "new-keys", "local")
    overlay = copy / "overlays" / "local"
    kustomization = overlay / "kustomization.yaml"
    named = yaml.safe_load(kustomization.read_text())
    for image in named["images"]:  # as its reader is told to put the names of their own images there
        image["newName"], image["newTag"] = images[image["name"].removeprefix("oi-")].split(":")
    kustomization.write_text(yaml.safe_dump(named))
    take_away(cluster, overlay)  # what a run that was cut short has left
    try:
        cluster.kubectl("apply", "-k", overlay)
        wait_until_ready(cluster)
        servers = {"OI_STORE_ENDPOINT": address(cluster, "minio"), "OI_MLFLOW_URL": address(cluster, "mlflow")}
        lines = keys.read(overlay / "keys" / "jobs.env") | servers
        use(cluster, lines)
        before = pods(cluster)
        cluster.kubectl("apply", "-k", overlay)
        wait_until_ready(cluster)
        check(pods(cluster) == before, "applied again, nothing is started anew")
        yield lines
    finally:
        take_away(cluster, overlay)


def take_away(cluster: Cluster, overlay: Path) -> None:
    """What was applied, and what it kept."""
    cluster.kubectl("delete", "-k", overlay, "--ignore-not-found", "--timeout=3m")
    free_volumes(cluster)
