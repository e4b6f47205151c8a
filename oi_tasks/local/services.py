"""Start, stop and look at the local servers. What already runs with the same settings is used as it is."""

import os
import signal
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from oi_tasks.errors import BadInput, OiError, Unreachable
from oi_tasks.local import health, keys, minio_binary, ports, processes, rights, servers
from oi_tasks.local.addresses import Addresses
from oi_tasks.local.elsewhere import Elsewhere, elsewhere, named
from oi_tasks.local.exclusive import Say, one_at_a_time
from oi_tasks.local.processes import Record
from oi_tasks.settings import Settings

GRACE = 15.0  # seconds a server has to end by itself


def silent(text: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Running:
    """The servers that run."""

    state: Path
    addresses: Addresses
    env: dict[str, str]
    """What jobs need: the addresses and keys of the store and of MLflow, and the file that they stand in."""
    started: tuple[str, ...]
    """The servers that this call started; the others ran already."""

    def stop(self) -> None:
        """End them."""
        stop(self.state)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass(frozen=True)
class Status:
    """How a local server is."""

    name: str
    pid: int | None = None
    address: str = ""
    problem: str = "not running"
    """What is wrong with it; empty when it is well."""
    memory: int = 0
    """Bytes (PSS) of it and all that it started."""
    uptime: float = 0.0
    """Seconds since its start."""


def start(
    state: Path,
    names: Collection[str] | None = None,
    addresses: Addresses | None = None,
    dags: Path | None = None,
    say: Say = silent,
) -> Running:
    """Start the named servers (`minio`, `mlflow`, `airflow`), their state below `state`; wait until they are well.

    `names`: None takes all but those that the environment, or `<state>/env`, places elsewhere, which are used there.
    `addresses`: None takes the environment's, else those remembered in `<state>/env`, else the usual ones.
    `dags`: Airflow's DAG folder; None takes the checkout's. `say` is told each step in a line.
    Raises PortsTaken before anything is started, BuildFailed (no MinIO), Unreachable (a server does not come up, or one
    that stands elsewhere does not answer).
    """
    if unknown := set(names or ()) - set(servers.NAMES):
        raise BadInput(
            f"no such server: {', '.join(sorted(unknown))}", fix=f"there are {', '.join(servers.NAMES)}", code="usage"
        )
    state = state.resolve()
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with one_at_a_time(state / "run" / ".lock", say):
        places = addresses or Addresses.load(state / "env")
        kept = keys.read(state / "env")
        theirs = elsewhere(named(os.environ, kept), places, Addresses.of(kept)) if names is None else []
        for other in theirs:
            other.check()
        for other in theirs:  # once all of them answer: until then what runs here goes on
            say(f"{other.name}: used at {other.url}")
            if (record := processes.load(state, other.name)) is not None:
                _end(state, record, say)
        if names is None:
            names = [name for name in servers.NAMES if name not in {other.name for other in theirs}]
        ours = _own_ports(state)
        if not set(ours) & {places.airflow_log_port, places.airflow_trigger_log_port}:
            places = ports.settle_log_ports(places)
        ports.require(places, names, ours)
        program = minio_binary.obtain(Settings().cache, say) if "minio" in names else Path()
        told = {name: value for other in theirs for name, value in other.lines.items()}
        lines, fresh = keys.ensure(state / "env", places.lines() | told)
        say(f"keys: {'made at this first start' if fresh else 'as before'}, in {state / 'env'}")
        started = []
        for server in _planned(state, names, places, lines, program, dags):
            if _bring_up(state, server, say):
                started.append(server.name)
            if server.name == "minio":
                rights.apply(server.url.removeprefix("http://"), lines)
    return Running(state, places, servers.job_env(lines) | {"OI_ENV_FILE": str(state / "env")}, tuple(started))


def stop(state: Path, say: Say = silent) -> list[str]:
    """End the servers of this state folder and all that they started, nothing else. Returns the names of the ended."""
    state = state.resolve()
    ended: list[str] = []
    if not state.is_dir():
        return ended
    with one_at_a_time(state / "run" / ".lock", say):
        for name in reversed(servers.NAMES):
            if (record := processes.load(state, name)) is not None:
                _end(state, record, say)
                ended.append(name)
    return ended


def status(state: Path) -> Iterator[Status]:
    """How each server is."""
    theirs = {server.name: server for server in _remembered(state)}
    for name in servers.NAMES:
        record = processes.load(state.resolve(), name)
        if record is None and name in theirs:
            yield Status(name, address=theirs[name].url, problem=_problem(theirs[name]))
            continue
        if record is None:
            yield Status(name)
            continue
        members = processes.family(record)
        memory = processes.memory(members)
        if not processes.alive(record):
            left = f"its main process died; {len(members)} of its processes are left"
            yield Status(name, record.pid, record.address, left, memory)
            continue
        uptime = time.time() - psutil.Process(record.pid).create_time()
        wrong = health.problem(name, record.address) if record.address else "its start was interrupted"
        yield Status(name, record.pid, record.address, wrong, memory, uptime)


def _remembered(state: Path) -> list[Elsewhere]:
    """The servers that were placed elsewhere when the local ones were started last."""
    try:
        kept = keys.read(state / "env")
        return elsewhere(kept, Addresses.of(kept))
    except OiError:
        return []  # half a line by hand: the next start says it


def _problem(server: Elsewhere) -> str:
    """What is wrong with a server that stands elsewhere; empty when it is well."""
    try:
        server.check(tries=0)
    except OiError as error:
        return error.what
    return ""


def _planned(
    state: Path, names: Collection[str], places: Addresses, lines: dict[str, str], program: Path, dags: Path | None
) -> Iterator[servers.Server]:
    """The named servers as they should run, in the order they start in."""
    if "minio" in names:
        yield servers.minio(state, places, lines, program)
    if "mlflow" in names:
        yield servers.mlflow(state, places, lines)
    if "airflow" in names:
        yield servers.airflow(state, places, lines, (dags or servers.CHECKOUT / "dags").resolve())


def _own_ports(state: Path) -> set[int]:
    """The ports on which servers of this state folder listen now."""
    records = (processes.load(state, name) for name in servers.NAMES)
    pids = {member.pid for record in records if record is not None for member in processes.family(record)}
    return {
        connection.laddr[1]
        for connection in (psutil.net_connections("tcp") if pids else [])
        if connection.pid in pids and connection.status == psutil.CONN_LISTEN and connection.laddr
    }


def _bring_up(state: Path, server: servers.Server, say: Say) -> bool:
    """Have a server running, with these settings and well. Returns whether it had to be started."""
    record = processes.load(state, server.name)
    if record is not None:
        running = processes.alive(record)
        if running and record.settings == server.fingerprint and not _wait_well(server, record):
            say(f"{server.name}: running already at {server.url} (pid {record.pid})")
            return False
        say(f"{server.name}: started anew, since {_why_anew(running, record, server)}")
        _end(state, record, silent)
    for path, text in server.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        keys.write_private(path, text)
    begun = time.monotonic()
    say(f"{server.name}: starting at {server.url}")
    record = processes.launch(
        state,
        server.name,
        server.command,
        server.environment(),
        cwd=server.cwd,
        settings=server.fingerprint,
        address=server.url,
    )
    if wrong := _wait_well(server, record):
        last = _last_line(record.log)
        _end(state, record, silent)
        what = f"{server.name} does not come up: {wrong}" + (f", its last line: {last}" if last else "")
        raise Unreachable(what, where=str(record.log), code="server_start")
    say(f"{server.name}: ready after {time.monotonic() - begun:.1f} s (pid {record.pid})")
    return True


def _why_anew(running: bool, record: Record, server: servers.Server) -> str:
    """Why a server that is there is ended and started again."""
    if not running:
        return "its main process died"
    return "its settings changed" if record.settings != server.fingerprint else "it does not answer"


def _wait_well(server: servers.Server, record: Record) -> str:
    """Wait until the server is well, its process has ended, or its time is over. Returns what is wrong, if anything."""
    ended = "its process ended"

    def wrong() -> str:
        return health.problem(server.name, server.url) if processes.alive(record) else ended

    def go_on(said: str) -> bool:
        return bool(said) and said != ended

    retrying = Retrying(retry=retry_if_result(go_on), wait=wait_fixed(0.2), stop=stop_after_delay(server.wait))
    try:
        return retrying(wrong)
    except RetryError as error:
        return f"{error.last_attempt.result()} after {server.wait:.0f} s"


def _end(state: Path, record: Record, say: Say) -> None:
    """End one server."""
    gently = signal.SIGINT if record.name == "airflow" else signal.SIGTERM
    by_itself = processes.stop(state, record, gently=gently, grace=GRACE)
    say(f"{record.name}: stopped" + ("" if by_itself else f" (killed what was left after {GRACE:.0f} s)"))


def _last_line(log: Path) -> str:
    """The last line of a log that says something."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()[-50:]]
    return next((line for line in reversed(lines) if line), "")[:300]
