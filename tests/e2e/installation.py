"""`kubectl apply -k k8s/overlays/local` on a real cluster: `python -m tests.e2e.installation`.

Builds the images of MinIO and MLflow, makes the keys, applies the overlay, waits until both are ready, and uses them with
the key that pods get. Ends by taking away what it applied. Without the cluster it says that it was left out.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

import urllib3

from oi_tasks.errors import OiError
from oi_tasks.io.store import WORK, Store
from oi_tasks.io.tracking import Tracking
from oi_tasks.local import keys
from oi_tasks.settings import Settings
from tests.e2e.common import CHECKOUT, check, say
from tests.shared_cluster import Cluster, base_image, load, printed, there, up

SYSTEM = "oi-system"
IMAGES = ("minio", "mlflow")


def images_on(cluster: Cluster) -> None:
    """Build the images of the servers from this checkout, and load them."""
    base = base_image()
    for name in IMAGES:
        image = f"oi-{name}:dev"
        say(f"image: building {image} on {base}")
        words = ("--network", "host", "--quiet", "--build-arg", f"BASE_IMAGE={base}", "-t", image)
        printed("docker", "build", *words, "-f", CHECKOUT / "docker" / f"{name}.Dockerfile", CHECKOUT)
        size = int(printed("docker", "image", "inspect", "--format", "{{.Size}}", image))
        say(f"image: loading {image}, {size / 1e6:.0f} MB")
        load(image)


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


def use(cluster: Cluster, folder: Path) -> None:
    """The store and MLflow, with the key that pods get and from this machine; and what that key may not do."""
    lines = keys.read(folder / "jobs.env")
    access, secret = lines["OI_STORE_ACCESS_KEY"], lines["OI_STORE_SECRET_KEY"]
    store_url, mlflow_url = address(cluster, "minio"), address(cluster, "mlflow")
    found = Settings(
        store_endpoint=store_url,
        store_access_key=access,
        store_secret_key=secret,
        mlflow_url=mlflow_url,
        _env_file=None,
    )
    store = Store(found)
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


def main() -> None:
    """Install, use, take away."""
    if not there():
        say("left out: there is no shared/cluster beside the checkout, so nothing was installed")
        return
    cluster = up()
    images_on(cluster)
    with tempfile.TemporaryDirectory(prefix="oi-installation-") as folder:
        copy = Path(folder) / "k8s"
        shutil.copytree(CHECKOUT / "k8s", copy, ignore=shutil.ignore_patterns("keys"))
        printed(copy / "new-keys", "local")
        overlay = copy / "overlays" / "local"
        os.environ["OI_ENV_FILE"] = str(Path(folder) / "none")
        try:
            cluster.kubectl("apply", "-k", overlay)
            wait_until_ready(cluster)
            use(cluster, overlay / "keys")
            before = pods(cluster)
            cluster.kubectl("apply", "-k", overlay)
            wait_until_ready(cluster)
            check(pods(cluster) == before, "applied again, nothing is started anew")
        finally:
            cluster.kubectl("delete", "-k", overlay, "--ignore-not-found", "--timeout=3m")
            free_volumes(cluster)


if __name__ == "__main__":
    main()
