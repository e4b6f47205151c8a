"""The chain with its steps in pods of a real Kubernetes cluster: `python -m tests.e2e.cluster`.

Brings up the cluster beside the checkout, builds the trainer image and loads it, starts MinIO, MLflow and Airflow on the
cluster's bridge, and runs the demo with `OI_EXECUTION=kubernetes`, listing the pods while it runs. Without that cluster
it says that it was left out.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from oi_tasks.io.tracking import Tracking
from oi_tasks.local import keys, services
from oi_tasks.local.addresses import Addresses
from oi_tasks.local.servers import job_env
from oi_tasks.settings import Settings
from tests.e2e.common import CHECKOUT, check, demo, say
from tests.shared_cluster import Cluster, base_image, load, printed, there, up

BRIDGE = "10.88.0.1"  # this machine, as pods see it
NAMESPACE = "oi"
PODS = ("-n", NAMESPACE, "get", "pods", "--no-headers", "--ignore-not-found")
BUILT_FROM = ("docker/trainer.Dockerfile", "locks/uv.txt", "locks/trainer.txt", "oi_tasks", "expectations")


@contextmanager
def watched(cluster: Cluster) -> Iterator[dict[str, str]]:
    """While the block runs, list the pods every second; gives what kubectl said of each pod that ran, by its job."""
    seen: dict[str, str] = {}
    ended = Event()

    def look() -> None:
        while not ended.wait(1):
            for line in cluster.kubectl(*PODS, "-L", "oi/job").splitlines():
                job = line.split()[-1]
                if " Running " in line and job not in seen:
                    seen[job] = line
                    say(f"kubectl get pods: {line}")

    watcher = Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def content_tag() -> str:
    """A tag for the image that changes with what it is built from."""
    digest = hashlib.sha256()
    for name in BUILT_FROM:
        path = CHECKOUT / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(CHECKOUT)}\0".encode() + file.read_bytes())
    return f"oi-trainer:{digest.hexdigest()[:12]}"


def image_on(cluster: Cluster) -> str:
    """The trainer image, built from this checkout and loaded into the cluster."""
    image = content_tag()
    if cluster.has(image):
        say(f"image: {image} is on the node already")
        return image
    base = base_image()
    say(f"image: building {image} on {base}")
    dockerfile = CHECKOUT / "docker" / "trainer.Dockerfile"
    words = ("--network", "host", "--quiet", "--build-arg", f"BASE_IMAGE={base}", "-f", dockerfile, "-t", image)
    printed("docker", "build", *words, CHECKOUT)
    say(f"image: loading {image}")
    load(image)
    return image


def main() -> None:
    """Run the demo in pods, to a promoted model."""
    if not there():
        say("left out: there is no shared/cluster beside the checkout, so the run in pods did not take place")
        return
    cluster = up()
    os.environ |= {"OI_EXECUTION": "kubernetes", "OI_KUBECONFIG": str(cluster.kubeconfig), "OI_NAMESPACE": NAMESPACE}
    os.environ["OI_TRAINER_IMAGE"] = image_on(cluster)
    with tempfile.TemporaryDirectory(prefix="oi-cluster-") as folder:
        state = Path(folder) / "state"
        os.environ |= Addresses.free(BRIDGE).lines() | {"OI_STATE": str(state), "OI_ENV_FILE": str(state / "env")}
        try:
            services.start(state, ("minio", "mlflow"), say=say)
            give_keys(cluster, job_env(keys.read(state / "env")), Path(folder))
            run_in_pods(cluster, state)
        finally:
            services.stop(state)


def give_keys(cluster: Cluster, lines: dict[str, str], folder: Path) -> None:
    """The namespace, and in it the secret with what pods need to know."""
    apply(cluster, "namespace", NAMESPACE)
    file = folder / "pod.env"
    keys.write_private(file, "".join(f"{name}={value}\n" for name, value in lines.items()))
    apply(cluster, "-n", NAMESPACE, "secret", "generic", "oi-keys", f"--from-env-file={file}")


def apply(cluster: Cluster, *words: str) -> None:
    """Make an object, or bring it up to date: the words of `kubectl create`."""
    cluster.kubectl("apply", "-f", "-", given=cluster.kubectl("create", *words, "--dry-run=client", "-o", "yaml"))


def run_in_pods(cluster: Cluster, state: Path) -> None:
    """`oi demo`, with every step in a pod."""
    with watched(cluster) as seen:
        status, seconds = demo("demo", os.environ)
    tell_failed_tries(state)
    check(status == 0, f"the demo in pods: a model was promoted, after {seconds:.0f} s")
    champion = Tracking(Settings(_env_file=state / "env")).alias("oi-cascade", "champion")
    check(champion is not None, f"oi-cascade@champion is version {champion}")
    check({"train_classifier", "train_semseg"} <= set(seen), f"pods ran: {', '.join(sorted(seen))}")
    left = cluster.kubectl(*PODS).split()
    check(not left, "no pod is left")


def tell_failed_tries(state: Path) -> None:
    """The end of the log of each try that failed, though a later one may have gone well."""
    for log in sorted((state / "airflow" / "logs").rglob("attempt=*.log")):
        said = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        if any(entry.get("level") in ("error", "critical") for entry in said):
            say(f"a try with an error: {log.relative_to(state)}")
            for entry in said[-25:]:
                say(f"  | {json.dumps(entry)[:600]}")


if __name__ == "__main__":
    main()
