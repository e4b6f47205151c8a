"""A training whose pod is taken away goes on in the next pod, and ends with the weights of one that never stopped."""

import json
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from oi_tasks.core.fingerprint import sha256_of_file
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import WORK, Store
from oi_tasks.jobs import job_class
from oi_tasks.jobs.base import execute
from oi_tasks.local import keys, services
from oi_tasks.local.addresses import Addresses
from oi_tasks.local.servers import job_env
from oi_tasks.profile import Profile
from oi_tasks.settings import Settings
from tests.conftest import SMALL
from tests.k8s.conftest import CHECKOUT
from tests.k8s.drive import Task
from tests.shared_cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
BRIDGE = "10.88.0.1"  # this machine, as pods of the cluster see it
REAL = f"""
import sys
sys.path[:0] = [{str(CHECKOUT)!r}, {sysconfig.get_path("purelib")!r}]
from oi_tasks.cli import main
main()
"""


@pytest.fixture(scope="module")
def reachable(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, dict[str, str]]]:
    """A store and an MLflow that pods reach: settings for this process, and the lines of the pods' secret."""
    state = tmp_path_factory.mktemp("bridge")
    try:
        services.start(state, ("minio", "mlflow"), Addresses.free(BRIDGE))
        yield Settings(_env_file=state / "env", cache=state / "cache"), job_env(keys.read(state / "env"))
    finally:
        services.stop(state)


def dataset_of(profile: Profile, settings: Settings) -> str:
    """Every job before training, in this process. Returns the id of the shards."""
    said: dict[str, str] = {}
    steps = {
        "fetch": (),
        "tables": ("release",),
        "photos": ("release", "tables"),
        "snapshot": ("release", "tables", "photos"),
        "validate": ("snapshot",),
        "collapse": ("validated",),
        "shards": ("validated", "classes"),
    }
    gives = {"fetch": "release", "validate": "validated", "collapse": "classes"}
    for name, inputs in steps.items():
        job = job_class(name).from_profile(profile, **{one: said[one] for one in inputs})
        said[gives.get(name, name)] = execute(job, settings)["id"]
    return said["shards"]


def test_a_training_that_is_preempted_ends_with_the_weights_of_one_that_never_stopped(
    in_pods: Callable[..., Task],
    cluster: Cluster,
    namespace: str,
    reachable: tuple[Settings, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    assert sys.version_info[:2] == (3, 11), (
        "the image of the pods has Python 3.11, and runs this environment's packages"
    )
    found, lines = reachable
    profile = json.loads(json.dumps(SMALL))
    profile["classifier"]["epochs"] = {"frozen": 0, "unfrozen": 12}
    dataset = dataset_of(Profile.model_validate(profile), found)
    for name, value in lines.items():
        monkeypatch.setenv(name, value)
    secret = tmp_path / "pod.env"
    secret.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    cluster.kubectl("-n", namespace, "create", "secret", "generic", "training", f"--from-env-file={secret}")
    monkeypatch.setenv("OI_POD_SECRET", "training")
    size = {"gpu": {"memory": "3Gi", "gpus": 1}}
    task = in_pods("train_classifier", REAL, size, profile, dataset=dataset)
    store = Store(found)

    def preempt() -> None:
        while not list(store.list(WORK, "checkpoints/train_classifier/")):
            time.sleep(0.2)
        cluster.kubectl("-n", namespace, "delete", "pod", "-l", "oi/job=train_classifier", "--wait=false")

    preempting = Thread(target=preempt)
    preempting.start()
    with pytest.raises(AirflowException) as first:
        task.run()
    preempting.join()
    assert not isinstance(first.value, AirflowFailException)
    assert list(store.list(WORK, "checkpoints/train_classifier/"))

    def weights(result: dict[str, str]) -> str:
        return sha256_of_file(
            Outputs(store, found.cache).get("train_classifier", result["id"]).local("model.safetensors")
        )

    capsys.readouterr()
    resumed = task.run()
    assert "goes on after" in capsys.readouterr().out
    assert resumed["reused"] is False
    assert not list(store.list(WORK, "checkpoints/train_classifier/"))
    assert weights(resumed) == weights(Task(task.job, task.profile, task.fields, force=True).run())
