"""The Kubernetes cluster beside the checkout: brought up when it is not, driven through kubectl."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed

from tests.conftest import SHARED

FOLDER = SHARED / "cluster"
HOME = Path(os.environ.get("OI_CLUSTER_HOME", "~/.cache/oi-cluster")).expanduser()


def printed(*command: str | Path, given: str | None = None) -> str:
    """Run a command to its end, which must be good. Returns what it printed."""
    return subprocess.run(command, input=given, text=True, stdout=subprocess.PIPE, check=True).stdout


@dataclass(frozen=True)
class Cluster:
    """A cluster."""

    program: Path
    kubeconfig: Path

    def run(self, *words: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl to its end, whatever that is."""
        command = [self.program, "--kubeconfig", self.kubeconfig, *words]
        return subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=600)

    def kubectl(self, *words: str | Path, given: str | None = None) -> str:
        """What kubectl prints; it must not fail."""
        done = self.run(*words, given=given)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def read(self, *words: str) -> dict[str, Any]:
        """An object, or a list of them: `kubectl get`."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *words, "-o", "json"))
        return found

    def answers(self) -> bool:
        """Whether it is up."""
        if not (self.program.exists() and self.kubeconfig.exists()):
            return False
        return self.run("get", "--raw", "/readyz", "--request-timeout=5s").returncode == 0

    def has(self, image: str) -> bool:
        """Whether a node has an image."""
        nodes = self.read("nodes")["items"]
        names = {name for node in nodes for held in node["status"]["images"] for name in held.get("names") or []}
        return f"docker.io/library/{image}" in names

    def pods(self, namespace: str) -> list[dict[str, Any]]:
        """The pods of a namespace."""
        found: list[dict[str, Any]] = self.read("-n", namespace, "pods")["items"]
        return found


def there() -> bool:
    """Whether a cluster stands beside the checkout that can be brought up."""
    return (FOLDER / "up").is_file()


def up() -> Cluster:
    """The cluster, brought up when it does not answer; it stays up for the next who asks, until its own `down`."""
    found = Cluster(HOME / "bin" / "kubectl", HOME / "kubeconfig")
    for tries_left in (2, 1, 0):  # on a busy machine it may mistake its own bridge for one that lacks its address
        if found.answers():
            break
        try:
            printed(FOLDER / "up")
        except subprocess.CalledProcessError:
            if not tries_left:
                raise
    return found


def base_image() -> str:
    """The name of an image with Python, on this machine: what the images of the project are built on."""
    return printed(FOLDER / "base-image").splitlines()[-1]


def load(image: str) -> None:
    """Hand an image of this machine to the node."""
    printed(FOLDER / "load-image", image)


@retry(retry=retry_if_result(lambda there: not there), wait=wait_fixed(1), stop=stop_after_delay(120))
def listed(cluster: Cluster, image: str) -> bool:
    """Whether the node says that it has an image: it says so only some seconds after it was handed over."""
    return cluster.has(image)


def main() -> None:
    """`python -m tests.shared_cluster`: have it up, before what needs it."""
    if there():
        print(up().kubeconfig)
    else:
        print("left out: there is no shared/cluster beside the checkout")


if __name__ == "__main__":
    main()
