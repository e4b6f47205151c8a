"""The chain on a real Kubernetes cluster: `python -m tests.e2e.cluster`.

Brings up the cluster beside the checkout, builds the images and loads them, installs MinIO and MLflow with
`kubectl apply -k k8s/overlays/local`, and runs the demo with `OI_EXECUTION=kubernetes`: Airflow on this machine, all else
in the cluster, where it lists the pods meanwhile. Without that cluster it says that it was left out.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from oi_tasks.io.tracking import Tracking
from oi_tasks.local import services
from oi_tasks.local.addresses import Addresses
from oi_tasks.settings import Settings
from tests.e2e.common import check, demo, say
from tests.e2e.images import have_all
from tests.e2e.installation import SYSTEM, installed
from tests.shared_cluster import Cluster, there, up

NAMESPACE = "oi"
STORE_POD = "pod/minio-0"
CLUSTERS = ("animal", "food", "vehicle")  # of classes, in the demo; the node has two GPUs for their three trainings
PODS = ("-n", NAMESPACE, "get", "pods", "--no-headers", "--ignore-not-found")


@contextmanager
def watched(cluster: Cluster) -> Iterator[dict[str, str]]:
    """While the block runs, list the pods every second; gives what kubectl said of each pod that ran, by its job.

    Once the classifier trains, the store's pod is taken away: the jobs must wait for the one that takes its place.
    """
    seen: dict[str, str] = {}
    ended = Event()

    def look() -> None:
        while not ended.wait(1):
            for line in cluster.run(*PODS, "-L", "oi/job").stdout.splitlines():
                job = line.split()[-1]
                if " Running " in line and job not in seen:
                    seen[job] = line
                    say(f"kubectl get pods: {line}")
                    if job == "train_classifier":
                        said = cluster.run("-n", SYSTEM, "delete", STORE_POD)
                        say(f"kubectl delete: {(said.stdout or said.stderr).strip()}")

    watcher = Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def main() -> None:
    """Install, run the demo in pods to a promoted model, take away."""
    if not there():
        say("left out: there is no shared/cluster beside the checkout, so the run in pods did not take place")
        return
    cluster = up()
    with tempfile.TemporaryDirectory(prefix="oi-cluster-") as folder:
        state = Path(folder) / "state"
        os.environ |= Addresses.free().lines() | {"OI_STATE": str(state), "OI_ENV_FILE": str(state / "env")}
        os.environ |= {
            "OI_EXECUTION": "kubernetes",
            "OI_KUBECONFIG": str(cluster.kubeconfig),
            "OI_NAMESPACE": NAMESPACE,
        }
        images = have_all(cluster)
        os.environ["OI_TRAINER_IMAGE"] = images["trainer"]
        with installed(cluster, images, Path(folder)) as lines:
            os.environ |= lines
            try:
                run_in_pods(cluster, state)
            finally:
                services.stop(state)


def run_in_pods(cluster: Cluster, state: Path) -> None:
    """`oi demo`, with every step in a pod."""
    store = store_pod(cluster)
    with watched(cluster) as seen:
        status, seconds = demo("demo", os.environ)
    tell_failed_tries(state)
    check(status == 0, f"the demo in pods: a model was promoted, after {seconds:.0f} s")
    tracking = Tracking(Settings(_env_file=state / "env"))
    champion = tracking.alias("oi-cascade", "champion")
    check(champion is not None, f"oi-cascade@champion is version {champion}")
    parts = {name: tracking.alias(f"oi-semseg-{name}", "champion") for name in CLUSTERS}
    check(None not in parts.values(), f"a model of each cluster is part of it: {parts}")
    check({"train_classifier", "train_semseg"} <= set(seen), f"pods ran: {', '.join(sorted(seen))}")
    again = list((state / "airflow" / "logs").rglob("task_id=train_classifier/attempt=2.log"))
    check(store_pod(cluster) != store, "the store's pod was taken away, and another took its place")
    check(not again, "the training waited for it: it ended well in its first try")
    said = gone(cluster)
    check(not said, f"no pod is left{said and ': '}{said}")


def store_pod(cluster: Cluster) -> str:
    """What tells the store's pod from another of the same name."""
    return str(cluster.read("-n", SYSTEM, STORE_POD)["metadata"]["uid"])


def gone(cluster: Cluster) -> str:
    """Wait until the runs' pods that are going have gone, as one does for as long as its grace period; says what is left.

    The watch over aliases starts pods of its own, at any time.
    """
    for pod in cluster.pods(NAMESPACE):
        if "deletionTimestamp" in pod["metadata"]:
            name = f"pod/{pod['metadata']['name']}"
            say(f"{name} is going")
            cluster.kubectl("-n", NAMESPACE, "wait", "--for=delete", name, "--timeout=2m")
    return cluster.kubectl(*PODS, "-l", "dag_id in (oi_ingest,oi_retrain)").strip()


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
