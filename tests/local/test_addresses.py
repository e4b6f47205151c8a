"""Where the servers listen, and what is said when they cannot."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from oi_tasks.errors import BadInput
from oi_tasks.local import ports
from oi_tasks.local.addresses import Addresses


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.usefixtures("own_environment")
def test_the_callers_choice_comes_before_the_remembered_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file = tmp_path / "env"
    assert Addresses.load(env_file).airflow_port == 8080
    env_file.write_text("OI_AIRFLOW_PORT=8081\nOI_MLFLOW_PORT=5001\n")
    monkeypatch.setenv("OI_MLFLOW_PORT", "5002")
    found = Addresses.load(env_file)
    assert (found.airflow_port, found.mlflow_port, found.minio_port) == (8081, 5002, 9000)
    assert found.lines()["OI_MLFLOW_URL"] == "http://127.0.0.1:5002"


@pytest.mark.usefixtures("own_environment")
@pytest.mark.parametrize("value", ["http", "0", "65536", ""])
def test_a_port_that_is_none_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("OI_AIRFLOW_PORT", value)
    with pytest.raises(BadInput, match="OI_AIRFLOW_PORT cannot be used") as refused:
        Addresses.load(tmp_path / "none")
    assert "\n" not in str(refused.value)


@pytest.mark.usefixtures("own_environment")
def test_servers_bound_everywhere_are_reached_here() -> None:
    assert Addresses(bind="0.0.0.0").url("minio_port") == "http://127.0.0.1:9000"
    assert Addresses(bind="10.88.0.1").url("minio_port") == "http://10.88.0.1:9000"


def test_free_ports_are_all_different() -> None:
    free = Addresses.free().model_dump()
    assert len({value for name, value in free.items() if name.endswith("_port")}) == 6


@pytest.mark.slow
def test_each_taken_port_is_named_with_its_holder_and_the_way_out(taken: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as second:
        both = {"minio_port": taken, "mlflow_port": second.getsockname()[1]}
        with pytest.raises(ports.PortsTaken) as refused:
            ports.require(Addresses.free().model_copy(update=both), ("minio", "mlflow", "airflow"), ours=())
    assert len(refused.value.problems) == 2
    first = str(refused.value.problems[0])
    assert first.startswith(f"port {taken} is already taken by ")
    assert f"pid {os.getpid()}" in first
    assert "MINIO_PORT=" in first


def test_a_port_of_our_own_server_is_no_problem(taken: int) -> None:
    places = Addresses.free().model_copy(update={"minio_port": taken})
    ports.require(places, ("minio",), ours={taken})
    ports.require(places, ("mlflow",), ours=())


@pytest.mark.slow
def test_one_port_for_two_servers_is_refused() -> None:
    free = Addresses.free()
    twice = free.model_copy(update={"mlflow_port": free.airflow_port})
    with pytest.raises(BadInput, match=f"port {free.airflow_port} is chosen for two servers"):
        ports.require(twice, ("mlflow",), ours=())


def test_an_address_of_another_machine_is_refused() -> None:
    problem = ports.problem("192.0.2.1", 9000, "minio_port")
    assert problem is not None
    assert str(problem).startswith("192.0.2.1 is not an address of this machine")


def test_log_ports_that_others_have_are_replaced(taken: int) -> None:
    places = Addresses.free().model_copy(update={"airflow_log_port": taken})
    settled = ports.settle_log_ports(places)
    assert settled.airflow_log_port != taken
    assert settled.airflow_trigger_log_port == places.airflow_trigger_log_port
    assert settled.airflow_port == places.airflow_port
