"""Processes that outlive the command: found again, never mistaken, and ended with all that they started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tenacity import retry, stop_after_delay, wait_fixed

from oi_tasks.local import processes

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
# Starts a child in its session, and one that leaves it; both ignore SIGTERM, as it does itself.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"]
subprocess.Popen(child)
subprocess.Popen(child, start_new_session=True)
print("ready", flush=True)
time.sleep(600)
"""


def start(state: Path, command: list[str] = SLEEP, name: str = "thing") -> processes.Record:
    return processes.launch(state, name, command, os.environ, cwd=state, settings="s")


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the same user that is nobody's business."""
    with subprocess.Popen(SLEEP) as process:
        yield process
        process.kill()


@retry(stop=stop_after_delay(20), wait=wait_fixed(0.05), reraise=True)
def until_says(record: processes.Record, word: str) -> None:
    assert word in record.log.read_text()


def test_a_service_has_its_own_session_and_a_record(tmp_path: Path) -> None:
    record = start(tmp_path)
    assert os.getsid(record.pid) == record.pid
    assert processes.load(tmp_path, "thing") == record
    assert processes.alive(record)
    assert (tmp_path / "run" / "thing.json").stat().st_mode & 0o777 == 0o600
    assert processes.stop(tmp_path, record, gently=signal.SIGTERM, grace=5)
    assert not processes.alive(record)
    assert processes.load(tmp_path, "thing") is None


def test_all_that_a_service_started_ends_and_nothing_else(tmp_path: Path, bystander: subprocess.Popen[bytes]) -> None:
    record = start(tmp_path, [sys.executable, "-c", STUBBORN])
    other = start(tmp_path, name="other")
    until_says(record, "ready")
    members = processes.family(record)
    assert len(members) == 3
    assert len({os.getsid(member.pid) for member in members}) == 2
    begun = time.monotonic()
    assert not processes.stop(tmp_path, record, gently=signal.SIGTERM, grace=0.5)
    assert 0.4 < time.monotonic() - begun < 10
    assert all(processes.start_ticks(member.pid) is None for member in members)
    assert bystander.poll() is None
    assert processes.alive(other)
    processes.stop(tmp_path, other, gently=signal.SIGTERM, grace=5)


def test_what_is_left_of_a_service_whose_main_process_died_is_found_and_ended(tmp_path: Path) -> None:
    record = start(tmp_path, [sys.executable, "-c", STUBBORN])
    until_says(record, "ready")
    os.kill(record.pid, signal.SIGKILL)
    os.waitpid(record.pid, 0)
    found = processes.load(tmp_path, "thing")
    assert found == record
    assert not processes.alive(found)
    left = processes.family(found)
    assert len(left) == 2
    processes.stop(tmp_path, found, gently=signal.SIGTERM, grace=0.5)
    assert all(processes.start_ticks(member.pid) is None for member in left)


def test_a_reused_pid_is_not_ours(tmp_path: Path, bystander: subprocess.Popen[bytes]) -> None:
    record = start(tmp_path)
    processes.stop(tmp_path, record, gently=signal.SIGTERM, grace=5)
    reused = record.model_copy(
        update={"pid": bystander.pid, "ticks": record.ticks - 100}
    )  # as if the kernel had given that pid away again
    (tmp_path / "run" / "thing.json").write_text(reused.model_dump_json())
    assert not processes.alive(reused)
    assert processes.family(reused) == []
    assert processes.load(tmp_path, "thing") is None
    processes.stop(tmp_path, reused, gently=signal.SIGTERM, grace=0.2)
    assert bystander.poll() is None


def test_a_record_of_an_earlier_boot_means_nothing(tmp_path: Path, bystander: subprocess.Popen[bytes]) -> None:
    record = start(tmp_path)
    ticks = processes.start_ticks(bystander.pid)
    earlier = record.model_copy(update={"boot": "another", "pid": bystander.pid, "ticks": ticks})
    assert not processes.alive(earlier)
    processes.stop(tmp_path, earlier, gently=signal.SIGTERM, grace=0.2)
    assert bystander.poll() is None
    processes.stop(tmp_path, record, gently=signal.SIGTERM, grace=5)


def test_a_service_without_a_record_is_found_by_its_mark(tmp_path: Path) -> None:
    record = start(tmp_path)
    (tmp_path / "run" / "thing.json").unlink()  # the command was killed between the start and the record
    found = processes.load(tmp_path, "thing")
    assert found is not None
    assert (found.pid, found.ticks, found.settings) == (record.pid, record.ticks, "")
    assert processes.load(tmp_path / "elsewhere", "thing") is None
    processes.stop(tmp_path, found, gently=signal.SIGTERM, grace=5)


def test_a_damaged_record_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thing.json").write_text('{"name": ')
    assert processes.load(tmp_path, "thing") is None


def test_a_job_may_save_its_state_before_it_is_killed(tmp_path: Path) -> None:
    oi = tmp_path / "oi"
    oi.write_text(
        "import signal, sys, pathlib\n"
        "signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path('saved').touch(), sys.exit(75)))\n"
        "print('working', flush=True)\nsignal.pause()\n"
    )
    parent = f"import signal, subprocess, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); \
subprocess.Popen([sys.executable, {str(oi)!r}, 'train']); signal.pause()"
    record = start(tmp_path, [sys.executable, "-c", parent])
    until_says(record, "working")
    assert not processes.stop(tmp_path, record, gently=signal.SIGINT, grace=0.5)
    assert (tmp_path / "saved").exists()


def test_start_time_of_a_process_with_an_odd_name(tmp_path: Path) -> None:
    odd = tmp_path / "a) Z 1 (b"
    odd.symlink_to(Path(sys.executable).resolve())
    with subprocess.Popen([str(odd), "-S", "-c", "import time; print(flush=True); time.sleep(60)"]) as process:
        ticks = processes.start_ticks(process.pid)
        assert ticks is not None
        expected = psutil.Process(process.pid).create_time()
        assert ticks / os.sysconf("SC_CLK_TCK") + psutil.boot_time() == pytest.approx(expected, abs=1)
        process.kill()


def test_memory_counts_shared_pages_once(tmp_path: Path) -> None:
    record = start(tmp_path)
    members = processes.family(record)
    assert 1e6 < processes.memory(members) <= sum(member.memory_info().rss for member in members)
    processes.stop(tmp_path, record, gently=signal.SIGTERM, grace=5)
    assert processes.memory(members) == 0
