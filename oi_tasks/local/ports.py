"""Whether a server can listen on a port, and who has it if it cannot."""

import errno
import socket
from collections import Counter
from collections.abc import Collection

import psutil
from tenacity import retry, stop_after_delay, wait_fixed

from oi_tasks.errors import BadInput
from oi_tasks.local.addresses import EVERYWHERE, LOG_PORTS, PORTS, Addresses


class PortsTaken(BadInput):
    """The servers cannot listen where they should; `problems` has one line for each port."""

    def __init__(self, problems: list[BadInput]) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)), code=problems[0].code)


@retry(stop=stop_after_delay(1.5), wait=wait_fixed(0.1), reraise=True)  # what was just killed still holds its port
def require(addresses: Addresses, names: Collection[str], ours: Collection[int]) -> None:
    """Raise PortsTaken unless the named servers can have their ports. `ours`: ports that our own servers hold."""
    options = [option for name in names for option in PORTS[name]]
    counts = Counter(getattr(addresses, option) for name in PORTS for option in PORTS[name])
    problems: dict[int, BadInput] = {}
    for option in options:
        port = getattr(addresses, option)
        if counts[port] > 1:
            problems[port] = BadInput(f"port {port} is chosen for two servers", fix=_choose(option), code="port")
        elif port not in ours and (found := problem(addresses.bind, port, option)) is not None:
            problems[port] = found
    if problems:
        raise PortsTaken(list(problems.values()))


def problem(bind: str, port: int, option: str) -> BadInput | None:
    """Why a server cannot listen there, or None when it can. `option` is the port's name, such as `airflow_port`."""
    error = _cannot_bind(bind, port)
    if error is None:
        return None
    if isinstance(error, PermissionError):
        return BadInput(f"port {port} needs rights that this user lacks", fix=_choose(option), code="port")
    if error.errno == errno.EADDRINUSE:
        by = _holder(port)
        what = f"port {port} is already taken" + (f" by {by}" if by else "")
        return BadInput(what, fix=_choose(option), code="port")
    return BadInput(f"{bind} is not an address of this machine", fix="set OI_BIND to one that is", code="port")


def settle_log_ports(addresses: Addresses) -> Addresses:
    """The same addresses, but for the log ports that others have, which are nobody's choice: free ones instead."""
    taken = [name for name in LOG_PORTS if _cannot_bind(EVERYWHERE, getattr(addresses, name)) is not None]
    free = Addresses.free(EVERYWHERE)
    return addresses.model_copy(update={name: getattr(free, name) for name in taken})


def _cannot_bind(bind: str, port: int) -> OSError | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError as error:
            return error
    return None


def _holder(port: int) -> str:
    """Who listens on a port, as `name, pid n`; empty when the system does not tell."""
    try:
        for connection in psutil.net_connections("tcp"):
            local = connection.laddr
            if connection.status == psutil.CONN_LISTEN and local and local[1] == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()}, pid {connection.pid}"
    except psutil.Error:
        return ""
    return ""


def _choose(option: str) -> str:
    """How to choose another port."""
    return f"choose another: make demo {option.upper()}=…, or set OI_{option.upper()}"
