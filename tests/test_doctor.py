"""`oi doctor`: what it says of servers that are well, down, wrong or not there at all."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from minio.commonconfig import ENABLED
from minio.objectlockconfig import ObjectLockConfig
from minio.versioningconfig import VersioningConfig

from oi_tasks.doctor.checks import Check, run_all
from oi_tasks.errors import OiError
from oi_tasks.io.ledger import Ledger
from oi_tasks.io.store import LEDGER, Store
from oi_tasks.settings import Settings
from tests import versitygw
from tests.io.test_store import root_of
from tests.test_cli import oi

pytestmark = pytest.mark.slow

DOWN = "127.0.0.1:9"  # nothing listens on the discard port
KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""


def doctor(*words: str, settings: Settings | None = None, **environment: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit status, and what was said of each thing."""
    done = oi("doctor", "--json", *words, settings=settings, **environment)
    assert done.stderr == ""
    return done.returncode, {check["name"]: check for check in json.loads(done.stdout)}


def test_with_nothing_configured_nothing_has_failed() -> None:
    status, said = doctor()
    assert status == 0
    assert {name: check["state"] for name, check in said.items()} == {
        "store": "not configured",
        "MLflow": "not configured",
        "Airflow": "not configured",
        "pod templates": "ok",
        "cluster": "not configured",
    }


def test_with_everything_down_each_is_named_with_its_address(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    lines = {
        "OI_STORE_ENDPOINT": f"http://{DOWN}",
        "OI_STORE_ACCESS_KEY": "key",
        "OI_STORE_SECRET_KEY": "secret",
        "OI_MLFLOW_URL": f"http://{DOWN}",
        "OI_AIRFLOW_URL": f"http://{DOWN}",
        "OI_EXECUTION": "kubernetes",
        "OI_KUBECONFIG": str(tmp_path / "kubeconfig"),
        "OI_POD_TEMPLATES": str(tmp_path),
    }
    status, said = doctor(**lines)
    assert status == 1
    assert {check["state"] for check in said.values()} == {"failed"}
    assert all(DOWN in said[name]["said"] for name in ("store", "MLflow", "Airflow", "cluster"))
    assert str(tmp_path / "cpu.yaml") in said["pod templates"]["said"]
    assert all(check["fix"] for check in said.values())
    table = oi("doctor", **lines)
    assert table.returncode == 1
    assert table.stderr == ""
    assert table.stdout.count("failed") == 5


def test_half_a_key_is_no_key() -> None:
    status, said = doctor(OI_STORE_ACCESS_KEY="key")
    assert status == 1
    assert "OI_STORE_SECRET_KEY" in said["store"]["said"]


def test_servers_that_are_well(settings: Settings) -> None:
    status, said = doctor(settings=settings, OI_MLFLOW_URL=settings.mlflow_url)
    assert status == 0
    assert said["store"]["state"] == "ok"
    assert "5 buckets" in said["store"]["said"]
    assert "keeps versions, and locks them" in said["ledger"]["said"]
    assert said["MLflow"]["state"] == "ok"


def test_a_store_that_cannot_keep_the_ledger_is_told_apart_from_one_that_can(tmp_path: Path) -> None:
    def ledger(found: Settings) -> dict[str, str]:
        status, said = doctor(settings=found)
        assert status == 1
        assert said["store"]["state"] == "ok"
        return said["ledger"]

    with versitygw.running(tmp_path / "none", versions=False) as found:
        assert "keeps no versions" in ledger(found)["said"]
        Ledger(Store(found)).append("refused", "v1", {})
        with pytest.raises(OiError, match="keeps no versions: what was written over would not be seen"):
            Ledger(Store(found)).verify()
    with versitygw.running(tmp_path / "some", lock=None) as found:
        assert "turn versioning on" in ledger(found)["fix"]
        root = root_of(found)
        root.set_bucket_versioning(LEDGER, VersioningConfig(ENABLED))
        assert "locks nothing by default" in ledger(found)["said"]
        root.set_object_lock_config(LEDGER, ObjectLockConfig(None, None, None))
        assert "locks nothing by default" in ledger(found)["said"]


def test_a_wrong_key_and_a_wrong_server_are_told_apart(settings: Settings) -> None:
    # The store answers where MLflow is expected, and takes no such key.
    wrong = {"OI_MLFLOW_URL": settings.store_endpoint, "OI_AIRFLOW_URL": settings.mlflow_url}
    status, said = doctor(settings=settings, OI_STORE_SECRET_KEY="wrong", **wrong)
    assert status == 1
    assert "refuses the key" in said["store"]["said"]
    assert "not MLflow" in said["MLflow"]["said"]
    assert said["Airflow"]["state"] == "failed"


@pytest.mark.parametrize(
    ("text", "words"), [("{", "cannot be read"), (None, "cannot be read"), ("a: b", "cannot be read")]
)
def test_a_kubeconfig_that_is_none(text: str | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)
    status, said = doctor(OI_EXECUTION="kubernetes", OI_KUBECONFIG=str(path))
    assert status == 1
    assert words in said["cluster"]["said"]
    assert str(path) in said["cluster"]["said"]


def test_a_server_that_never_answers_does_not_hold_up_the_others() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:

        def ask() -> list[Check]:
            with socket.create_connection(silent.getsockname()) as connection:
                connection.recv(1)
            return [Check("silent", "ok", "it answered")]

        found = run_all({"silent": ask, "quick": lambda: [Check("quick", "ok", "well")]}, limit=0.5)
    assert found == [Check("silent", "failed", "no answer within 0.5 s"), Check("quick", "ok", "well")]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OiError("it is broken", "here", "mend it"), Check("c", "failed", "it is broken (here)", "mend it")),
        (ValueError("two\nlines"), Check("c", "failed", "ValueError: two lines")),
        (KeyError(), Check("c", "failed", "KeyError")),
    ],
)
def test_whatever_a_check_raises_is_a_finding(error: Exception, said: Check) -> None:
    def broken() -> Any:
        raise error

    assert run_all({"c": broken}) == [said]
