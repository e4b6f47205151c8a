"""`oi demo` on a real Airflow, MLflow and MinIO, with DAGs that only wait: every way it can end, and being killed."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from oi_tasks.local import keys, processes, services
from oi_tasks.local.addresses import Addresses

pytestmark = pytest.mark.slow
OI = str(Path(sys.executable).with_name("oi"))
TOY = Path(__file__).parent / "toy_dags"


class Machine:
    """The `oi` command on servers of this module's own, and the control files of the toy DAGs."""

    def __init__(self, folder: Path) -> None:
        self.state, self.control = folder / "state", folder / "control"
        self.control.mkdir()
        chosen = {"OI_STATE": str(self.state), "OI_DAGS": str(TOY), "OI_TOY": str(self.control), "COLUMNS": "200"}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("OI_")}
        self.env = clean | chosen | {f"OI_{name.upper()}": str(value) for name, value in Addresses.free()}

    def oi(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([OI, *words], env=self.env, capture_output=True, text=True, timeout=280)

    def tell(self, **files: str) -> None:
        """Write these control files, and remove all others."""
        for each in self.control.iterdir():
            each.unlink()
        for name, text in files.items():
            (self.control / name).write_text(text)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    made = Machine(tmp_path_factory.mktemp("demo"))
    try:
        yield made
    finally:
        services.stop(made.state)


def test_it_ends_with_a_promotion_and_says_where_to_look(machine: Machine) -> None:
    machine.tell(seconds="4")
    done = machine.oi("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = keys.read(machine.state / "env")
    for words in (
        "keys: made at this first start",
        "airflow: ready after",
        "fetch                         done in",
        "train_semseg [vehicles]       done in",
        "promote                       done in",
        "1 of 11 steps found their result of an earlier run and reused it",
        f"Airflow   {lines['OI_AIRFLOW_URL']}",
        f"registry  {lines['OI_MLFLOW_URL']}/#/models/oi-cascade",
        f"report    {lines['OI_STORE_ENDPOINT']}/oi-reports/report.html",
        f"its password is in {machine.state / 'env'}",
    ):
        assert words in done.stdout, done.stdout
    # A mapped step is called by its number until Airflow has rendered its name.
    assert re.search(r"· oi_retrain  train_semseg \[(animals|0)\] +running", done.stdout), done.stdout
    assert not [
        name for name, value in lines.items() if ("PASSWORD" in name or "SECRET" in name) and value in done.stdout
    ]


def test_a_refusal_ends_with_status_3_and_its_reasons_on_servers_that_run_already(machine: Machine) -> None:
    machine.tell(refuse="")
    done = machine.oi("demo")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "airflow: running already at" in done.stdout
    assert "promote                       skipped" in done.stdout
    assert "  - macro F1 0.41 is under the floor 0.80" in done.stdout
    assert "report    http://" in done.stdout
    assert done.stderr == "oi: the candidate was not promoted; the reasons are above [gate]\n"


def test_a_version_that_does_not_serve_ends_with_status_3_and_the_reason_of_that_check(machine: Machine) -> None:
    machine.tell(silent="")
    done = machine.oi("demo")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "promote                       skipped" in done.stdout
    assert "  - version 1 does not load and answer" in done.stdout


def test_a_failed_step_ends_with_its_name_and_the_end_of_its_log(machine: Machine) -> None:
    machine.tell(fail="")
    done = machine.oi("demo")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "  | training on " in done.stdout
    assert "  | RuntimeError: the toy was told to fail" in done.stdout
    assert done.stderr.startswith("oi: the step train_semseg [")
    assert done.stderr.count("\n") == 1


def test_killed_with_all_servers_in_a_step_it_goes_on_and_ends_well(machine: Machine) -> None:
    machine.tell(seconds="15")
    with subprocess.Popen([OI, "demo"], env=machine.env, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        for line in first.stdout:
            if "train_semseg" in line:
                break
        first.kill()
    for name in ("airflow", "mlflow", "minio"):
        record = processes.load(machine.state, name)
        assert record is not None
        for process in processes.family(record):
            process.kill()
    machine.tell(seconds="4")
    done = machine.oi("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is in progress" in done.stdout
    assert "(try 2)" in done.stdout


def test_status_tells_all_three_and_down_ends_them(machine: Machine) -> None:
    told = machine.oi("status").stdout
    assert told.count(" well ") == 3, told
    total = int(told.partition("memory in all: ")[2].split()[0])
    assert 800 < total < 2600
    pids = [process.pid for name in ("minio", "mlflow", "airflow") for process in family(machine, name)]
    assert len(pids) > 10
    begun = time.monotonic()
    done = machine.oi("down")
    assert [line.partition(" (")[0] for line in done.stdout.splitlines()] == [
        "airflow: stopped",
        "mlflow: stopped",
        "minio: stopped",
    ]
    assert time.monotonic() - begun < 60
    assert not [pid for pid in pids if psutil.pid_exists(pid) and processes.start_ticks(pid) is not None]
    assert machine.oi("down").stdout == "nothing runs\n"
    assert machine.oi("status").stdout.count("not running") == 3


def family(machine: Machine, name: str) -> list[psutil.Process]:
    record = processes.load(machine.state, name)
    return processes.family(record) if record else []
