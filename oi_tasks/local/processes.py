"""Processes that outlive the command that started them: each has a session of its own and a record on disk."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from oi_tasks.local.keys import write_private

MARK = "OI_SERVICE"  # in the environment of all that a service starts: finds what left its session
LOG_LIMIT = 20 << 20
KILL_ROUNDS = 3
_children: dict[int, subprocess.Popen[bytes]] = {}  # what this very process started, kept so that it can be reaped


class Record(BaseModel):
    """One running service, as kept in `.oi/run/<name>.json`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    pid: int
    boot: str
    """The boot it was started in: pids and start times begin anew at each."""
    ticks: int
    """The process's start time from /proc/<pid>/stat, in clock ticks since boot: tells a reused pid."""
    mark: str
    settings: str
    """Fingerprint of the command and settings it runs with."""
    address: str = ""
    log: Path


def boot_id() -> str:
    """The name of this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def start_ticks(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot; None when there is none, or only its corpse."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name in parentheses may hold spaces and parentheses
    return None if fields[0] in "ZX" else int(fields[19])


def same_boot(record: Record) -> bool:
    """Whether the record is of this boot, so that its numbers still mean something."""
    return record.boot == boot_id()


def alive(record: Record) -> bool:
    """Whether the recorded process still runs, and is that very process."""
    child = _children.get(record.pid)
    if child is not None and child.poll() is not None:
        del _children[record.pid]
    return same_boot(record) and start_ticks(record.pid) == record.ticks


def mark_of(state: Path, name: str) -> str:
    """The mark of a service of this state folder."""
    return f"{name}@{state.resolve()}"


def launch(
    state: Path,
    name: str,
    command: list[str],
    env: Mapping[str, str],
    *,
    cwd: Path,
    settings: str,
    address: str = "",
) -> Record:
    """Start a service in a session of its own, its output appended to `logs/<name>.log`, and record it."""
    log = state / "logs" / f"{name}.log"
    for folder in (log.parent, state / "run", cwd):
        folder.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    mark = mark_of(state, name)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env={**env, MARK: mark},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[process.pid] = process
    return _record(state, name, process.pid, mark, settings, address, log)


def _record(state: Path, name: str, pid: int, mark: str, settings: str, address: str, log: Path) -> Record:
    """Write down a process that runs."""
    record = Record(
        name=name,
        pid=pid,
        boot=boot_id(),
        ticks=start_ticks(pid) or 0,
        mark=mark,
        settings=settings,
        address=address,
        log=log,
    )
    write_private(state / "run" / f"{name}.json", record.model_dump_json(indent=1))
    return record


def load(state: Path, name: str) -> Record | None:
    """The record of a service. One started by a command that died before it wrote the record is found by its mark."""
    path = state / "run" / f"{name}.json"
    try:
        record = Record.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        record = None
    if record is not None and same_boot(record) and (alive(record) or family(record)):
        return record
    mark = mark_of(state, name)
    for process in marked(mark):
        if os.getsid(process.pid) == process.pid:
            return _record(state, name, process.pid, mark, "", "", state / "logs" / f"{name}.log")
    return None


def marked(mark: str) -> list[psutil.Process]:
    """Processes whose environment has the mark, oldest first."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for process in psutil.process_iter():
        try:
            environment = Path(f"/proc/{process.pid}/environ").read_bytes()
            if wanted in environment.split(b"\0"):
                found.append(process)
        except OSError:  # ended meanwhile, or another user's
            continue
    return found


def family(record: Record) -> list[psutil.Process]:
    """All that the service started and that still runs, the service itself included.

    Found by session, by descent and by the mark: a child may leave its session, and a program that
    renames itself overwrites its environment. When the pid belongs to another process by now, the
    old session is gone with all its members (the kernel gives no pid away while a session has it).
    """
    if not same_boot(record):
        return []
    found = {process.pid: process for process in marked(record.mark)}
    ticks = start_ticks(record.pid)
    if ticks is None or ticks == record.ticks:
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == record.pid:
                    found[process.pid] = process
                    found |= {child.pid: child for child in process.children(recursive=True)}
            except (OSError, psutil.Error):
                continue
    return [process for process in found.values() if start_ticks(process.pid) is not None]


def stop(state: Path, record: Record, *, gently: signal.Signals, grace: float) -> bool:
    """End a service and all that it started, and nothing else: ask its main process, wait, then kill what is left.

    Jobs that still run after the wait are asked too, so that a training job can save its state: not sooner, for
    Airflow would note a failure; a step that vanishes with Airflow is begun again with it.
    `grace` is in seconds. Returns whether all of it ended by itself.
    """
    members = family(record)
    if alive(record):
        os.kill(record.pid, gently)
        _wait_gone(members, grace)
    left = family(record)
    by_itself = not left
    if jobs := [process for process in left if _is_job(process)]:
        for process in jobs:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _wait_gone(jobs, grace)
        left = family(record)
    for _ in range(KILL_ROUNDS):  # a killed parent's last child stands in no list taken before
        if not left:
            break
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()  # psutil looks first whether it is still that very process
        _wait_gone(left, 5)
        left = family(record)
    alive(record)  # reaps it when it is a child of this process
    (state / "run" / f"{record.name}.json").unlink(missing_ok=True)
    return by_itself


def _is_job(process: psutil.Process) -> bool:
    """Whether a process is an `oi <job>`."""
    try:
        return "oi" in [Path(word).name for word in process.cmdline()[:2]]
    except psutil.Error:
        return False


def _wait_gone(processes: list[psutil.Process], seconds: float) -> None:
    """Wait until all of them have ended, or the time is over. A corpse that nobody reaps counts as ended."""
    known = {process.pid: start_ticks(process.pid) for process in processes}

    def any_left() -> bool:
        return any(ticks is not None and start_ticks(pid) == ticks for pid, ticks in known.items())

    with contextlib.suppress(RetryError):
        Retrying(retry=retry_if_result(bool), wait=wait_fixed(0.1), stop=stop_after_delay(seconds))(any_left)


def memory(processes: Iterable[psutil.Process]) -> int:
    """Memory of the processes in bytes, shared pages counted once among those that share them (PSS)."""
    total = 0
    for process in processes:
        try:
            info: Any = process.memory_full_info()
            total += info.pss
        except (psutil.Error, OSError):
            continue
    return total
