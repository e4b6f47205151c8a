"""The real servers: started, found again, told apart from others', and ended."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from oi_tasks.errors import BadInput, Unreachable
from oi_tasks.io.store import DATA, Store
from oi_tasks.local import health, keys, processes, servers, services
from oi_tasks.local.addresses import Addresses
from oi_tasks.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.Running]:
    """A MinIO of this module's own."""
    state = tmp_path_factory.mktemp("local")
    with services.start(state, {"minio"}, Addresses.free()) as started:
        yield started


def pid_of(running: services.Running, name: str) -> int:
    record = processes.load(running.state, name)
    assert record is not None
    return record.pid


def test_what_runs_already_is_used_and_said(running: services.Running) -> None:
    said: list[str] = []
    before = pid_of(running, "minio")
    again = services.start(running.state, {"minio"}, say=said.append)
    assert again.addresses == running.addresses  # remembered
    assert again.started == ()
    assert pid_of(running, "minio") == before
    assert said[0].startswith("keys: as before, in ")
    assert said[1].startswith("minio: running already at ")


def test_its_environment_reaches_the_store(running: services.Running, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    store = Store(Settings(_env_file=None))
    store.check()
    store.put_bytes(DATA, "local/probe", b"x")
    assert store.get_bytes(DATA, "local/probe") == b"x"
    assert Settings(_env_file=running.state / "env").store_endpoint == running.env["OI_STORE_ENDPOINT"]


def test_secrets_are_in_no_log_record_or_command_line(running: services.Running) -> None:
    secrets = [value for name, value in keys.read(running.state / "env").items() if "SECRET" in name or "PASSW" in name]
    assert len(secrets) >= 6
    texts = [path.read_text() for folder in ("logs", "run") for path in (running.state / folder).iterdir()]
    texts.append(Path(f"/proc/{pid_of(running, 'minio')}/cmdline").read_text())
    assert not [secret for secret in secrets for text in texts if secret in text]


def test_status_tells_what_runs(running: services.Running) -> None:
    minio, mlflow, airflow = services.status(running.state)
    assert (minio.name, minio.pid, minio.problem) == ("minio", pid_of(running, "minio"), "")
    assert minio.address == running.env["OI_STORE_ENDPOINT"]
    assert 20e6 < minio.memory < 600e6
    assert minio.uptime > 0
    assert [mlflow.problem, airflow.problem] == ["not running", "not running"]


def test_a_server_that_was_killed_is_started_anew_with_its_data(running: services.Running) -> None:
    store = Store(Settings(_env_file=running.state / "env"))
    store.put_bytes(DATA, "local/kept", b"kept")
    os.kill(pid_of(running, "minio"), signal.SIGKILL)
    assert services.start(running.state, {"minio"}).started == ("minio",)
    assert Store(Settings(_env_file=running.state / "env")).get_bytes(DATA, "local/kept") == b"kept"


def test_a_changed_port_starts_it_anew_there(running: services.Running) -> None:
    said: list[str] = []
    moved = running.addresses.model_copy(update={"minio_port": Addresses.free().minio_port})
    services.start(running.state, {"minio"}, moved, say=said.append)
    assert "minio: started anew, since its settings changed" in said
    assert health.problem("minio", moved.url("minio_port")) == ""
    assert health.problem("minio", running.addresses.url("minio_port")).startswith("no answer")
    services.start(running.state, {"minio"}, running.addresses)


def test_a_port_that_another_has_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        places = Addresses.free().model_copy(update={"minio_console_port": port})
        with pytest.raises(BadInput, match=f"port {port} is already taken by .*MINIO_CONSOLE_PORT"):
            services.start(tmp_path / "state", {"minio"}, places)
    assert all(each.pid is None for each in services.status(tmp_path / "state"))
    assert not (tmp_path / "state" / "env").exists()


def test_a_server_that_does_not_come_up_is_one_line_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "minio"
    program.write_text("#!/bin/sh\necho 'FATAL no disk' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(services.minio_binary, "obtain", lambda cache, say: program)
    with pytest.raises(Unreachable) as failed:
        services.start(tmp_path / "state", {"minio"}, Addresses.free())
    log = tmp_path / "state" / "logs" / "minio.log"
    assert str(failed.value) == f"minio does not come up: its process ended, its last line: FATAL no disk ({log})"
    assert processes.load(tmp_path / "state", "minio") is None


def test_stop_ends_its_own_servers_only(tmp_path: Path, running: services.Running) -> None:
    with services.start(tmp_path / "state", {"minio"}, Addresses.free()) as second:
        own = pid_of(second, "minio")
        said: list[str] = []
        assert services.stop(second.state, said.append) == ["minio"]
        assert said == ["minio: stopped"]
    assert processes.start_ticks(own) is None
    assert health.problem("minio", running.env["OI_STORE_ENDPOINT"]) == ""
    assert services.stop(second.state) == []
    assert services.stop(tmp_path / "never") == []


def test_two_commands_at_once_start_one_server(tmp_path: Path) -> None:
    state = tmp_path / "state"
    places = Addresses.free()
    code = (
        "import sys; from pathlib import Path; from oi_tasks.local import services\n"
        f"from oi_tasks.local.addresses import Addresses\nplaces = Addresses(**{places.model_dump()!r})\n"
        f"print(services.start(Path({str(state)!r}), {{'minio'}}, places).started)"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(each.communicate(timeout=60)[0].strip() for each in both)
    services.stop(state)
    assert said == ["('minio',)", "()"] or said == ["()", "('minio',)"]


def test_an_unknown_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such server: postgres"):
        services.start(tmp_path, {"postgres"})


def test_the_callers_settings_of_other_installations_stay_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AIRFLOW__CORE__PARALLELISM",
        "AWS_SESSION_TOKEN",
        "MLFLOW_TRACKING_URI",
        "OI_EXECUTION",
        "OI_AIRFLOW_PORT",
    ):
        monkeypatch.setenv(name, "9")
    monkeypatch.setenv("no_proxy", "example.org")
    lines = keys.new_keys() | Addresses.free().lines()
    airflow = servers.airflow(tmp_path, Addresses.free(), lines, tmp_path)
    environment = airflow.environment()
    assert environment["AIRFLOW__CORE__PARALLELISM"] == "4"
    assert environment["OI_EXECUTION"] == "9"  # this one is for the jobs
    assert "AWS_SESSION_TOKEN" not in environment
    assert "OI_AIRFLOW_PORT" not in environment
    assert "OI_MINIO_ROOT_PASSWORD" not in environment
    assert environment["no_proxy"] == "example.org,127.0.0.1,localhost"
    assert "AWS_SESSION_TOKEN" not in servers.mlflow(tmp_path, Addresses.free(), lines).environment()


def test_a_setting_for_the_jobs_changes_the_fingerprint_and_a_port_remembered_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Addresses.free()
    lines = keys.new_keys() | places.lines()
    before = servers.airflow(tmp_path, places, lines, tmp_path).fingerprint
    monkeypatch.setenv("OI_MLFLOW_PORT", str(places.mlflow_port))
    assert servers.airflow(tmp_path, places, lines, tmp_path).fingerprint == before
    monkeypatch.setenv("OI_EXECUTION", "kubernetes")
    assert servers.airflow(tmp_path, places, lines, tmp_path).fingerprint != before


@pytest.mark.slow
def test_mlflow_keeps_artifacts_in_its_bucket_with_its_own_key(settings: Settings, tmp_path: Path) -> None:
    import mlflow

    client = mlflow.MlflowClient(settings.mlflow_url)
    experiment = client.create_experiment(f"local {tmp_path.name}")
    run = client.create_run(experiment)
    (tmp_path / "note.txt").write_text("kept")
    client.log_artifact(run.info.run_id, str(tmp_path / "note.txt"))
    assert [found.path for found in client.list_artifacts(run.info.run_id)] == ["note.txt"]
    store = Store(settings)
    with pytest.raises(Unreachable, match="AccessDenied"):
        list(store.list("mlflow"))
    assert urllib3.request("GET", f"{settings.mlflow_url}/health").status == 200
