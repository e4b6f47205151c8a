"""A store and an MLflow that the caller names are used where they are."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from oi_tasks.errors import BadInput, OiError
from oi_tasks.local.addresses import Addresses
from oi_tasks.local.elsewhere import elsewhere, named
from oi_tasks.settings import Settings

OWN = Addresses()
STORE = {"OI_STORE_ENDPOINT": "http://10.96.0.7:9000", "OI_STORE_ACCESS_KEY": "jobs", "OI_STORE_SECRET_KEY": "secret"}
MLFLOW = {"OI_MLFLOW_URL": "http://10.96.0.8:5000"}


def test_an_address_of_ones_own_is_no_other_place() -> None:
    assert elsewhere({}, OWN) == []
    assert elsewhere(OWN.lines(), OWN) == []
    assert elsewhere({"OI_MLFLOW_URL": "http://localhost:5000/"}, OWN) == []
    moved = Addresses(minio_port=9100)
    assert elsewhere(OWN.lines(), moved, OWN) == []  # the port that was remembered, before another was chosen


def test_what_is_named_is_used_with_its_keys() -> None:
    found = elsewhere(STORE | MLFLOW | {"OI_AIRFLOW_URL": "http://127.0.0.1:8080"}, OWN)
    assert {each.name: each.lines for each in found} == {"minio": STORE, "mlflow": MLFLOW}
    assert [each.url for each in found] == ["http://10.96.0.7:9000", "http://10.96.0.8:5000"]
    assert [each.name for each in elsewhere(MLFLOW, OWN)] == ["mlflow"]


def test_it_is_remembered_until_another_choice_is_made() -> None:
    kept = OWN.lines() | STORE | MLFLOW
    assert [each.url for each in elsewhere(named({}, kept), OWN)] == ["http://10.96.0.7:9000", "http://10.96.0.8:5000"]
    assert elsewhere(named(OWN.lines(), kept), OWN) == []
    other = elsewhere(named({"OI_MLFLOW_URL": "http://10.96.0.9:5000"}, kept), OWN)
    assert [each.url for each in other] == ["http://10.96.0.7:9000", "http://10.96.0.9:5000"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ({"OI_STORE_ENDPOINT": "http://10.96.0.7:9000"}, "OI_STORE_ACCESS_KEY and OI_STORE_SECRET_KEY must be set"),
        (STORE, "set OI_MLFLOW_URL too"),
        (STORE | {"OI_MLFLOW_URL": "http://127.0.0.1:5000"}, "to another address than http://127.0.0.1:5000"),
    ],
)
def test_half_of_it_is_refused(lines: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        elsewhere(lines, OWN)


def test_a_key_that_the_store_does_not_take_is_said_before_anything_starts(
    store_settings: Settings, tmp_path: Path
) -> None:
    lines = {"OI_STORE_ENDPOINT": store_settings.store_endpoint, "OI_STORE_ACCESS_KEY": "nobody"}
    lines |= {"OI_STORE_SECRET_KEY": "wrong-secret"} | MLFLOW
    (store, _) = elsewhere(lines, OWN)
    with pytest.raises(OiError):
        store.check()
    state = tmp_path / "state"
    words = [Path(sys.executable).with_name("oi"), "up"]
    done = subprocess.run(words, env={**lines, "OI_STATE": str(state)}, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "nobody" in done.stderr or store_settings.store_endpoint in done.stderr
    assert not (state / "env").exists()


def test_status_tells_where_they_stand(store_settings: Settings, tmp_path: Path) -> None:
    lines = {
        "OI_STORE_ENDPOINT": store_settings.store_endpoint,
        "OI_STORE_ACCESS_KEY": store_settings.store_access_key,
        "OI_STORE_SECRET_KEY": store_settings.store_secret_key.get_secret_value(),
        "OI_MLFLOW_URL": "http://127.0.0.1:1",
    }
    (tmp_path / "env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    words = [Path(sys.executable).with_name("oi"), "status", "--json"]
    done = subprocess.run(words, env={"OI_STATE": str(tmp_path)}, capture_output=True, text=True, check=True)
    minio, mlflow, airflow = json.loads(done.stdout)["servers"]
    assert (minio["address"], minio["problem"]) == (lines["OI_STORE_ENDPOINT"], "")
    assert mlflow["address"] == "http://127.0.0.1:1"
    assert mlflow["problem"]
    assert airflow["problem"] == "not running"


def test_a_file_with_half_of_it_does_not_end_status(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("OI_STORE_ENDPOINT=http://10.96.0.7:9000\n")
    words = [Path(sys.executable).with_name("oi"), "status", "--json"]
    done = subprocess.run(words, env={"OI_STATE": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert [server["problem"] for server in json.loads(done.stdout)["servers"]] == ["not running"] * 3
