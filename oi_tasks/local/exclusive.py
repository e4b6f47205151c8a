"""One command at a time where two would trip over each other."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Say = Callable[[str], None]


@contextmanager
def one_at_a_time(path: Path, say: Say) -> Iterator[None]:
    """Hold a lock file. The system lets go of it when the process ends, however it ends; `say` is told of a wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another command is at it; waiting until it is done")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
