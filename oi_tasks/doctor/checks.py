"""What a check says, and how all of them are made: side by side, each for a few seconds at most."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from threading import Thread
from typing import Literal

from oi_tasks.errors import OiError

State = Literal["ok", "failed", "not configured", "unknown"]
LIMIT = 10.0  # seconds; what takes longer counts as failed


@dataclass(frozen=True)
class Check:
    """How one thing is."""

    name: str
    state: State
    said: str
    fix: str = ""
    """What to do about it."""

    def plain(self) -> dict[str, str]:
        """As JSON."""
        return asdict(self)


Checker = Callable[[], list[Check]]


def made_of(name: str, error: Exception) -> Check:
    """The check that an error means."""
    if isinstance(error, OiError):
        return Check(name, "failed", f"{error.what}{f' ({error.where})' if error.where else ''}", error.fix)
    text = " ".join(str(error).split())[:200]
    return Check(name, "failed", f"{type(error).__name__}: {text}" if text else type(error).__name__)


def run_all(checkers: Mapping[str, Checker], limit: float = LIMIT) -> list[Check]:
    """What every checker finds, in their order. One that does not end within `limit` seconds has failed.

    The threads are left behind when their time is over: a socket that hangs cannot be made to stop.
    """
    found: dict[str, list[Check]] = {}

    def run(name: str, checker: Checker) -> None:
        try:
            found[name] = checker()
        except Exception as error:  # a check that fails is a finding, whatever it raises
            found[name] = [made_of(name, error)]

    threads = [Thread(target=run, args=pair, daemon=True) for pair in checkers.items()]
    ends = time.monotonic() + limit
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    late = f"no answer within {limit:g} s"
    return [check for name in checkers for check in dict(found).get(name, [Check(name, "failed", late)])]
