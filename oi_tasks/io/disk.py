"""A full disk, told in one line, whoever found it: Python, or a library that writes by itself."""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from oi_tasks.errors import BadInput, OiError, in_line

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def told_when_full() -> Iterator[None]:
    """Raise OiError in place of an error that says that the disk is full."""
    try:
        yield
    except Exception as error:
        if not is_full(error):
            raise
        fix = "make room there, or name a folder with more in TMPDIR (and OI_CACHE)"
        raise OiError("the disk is full", tempfile.gettempdir(), fix, code="disk_full") from None


@contextmanager
def told_when_unwritable(what: str, where: object, room: object | None = None) -> Iterator[None]:
    """Raise, in place of what the system says of a write, OiError for a full disk, else BadInput: `what` cannot be.

    `where` is what was to be written; `room` the place that is full, if that is told instead. A pipe that nobody reads
    any more passes.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if is_full(error):
            fix = "make room there, or name another place"
            raise OiError("the disk is full", str(room or where), fix, "disk_full") from None
        raise BadInput(f"{what}: {error.strerror}", in_line(where), code="cannot_write") from None


def is_full(error: BaseException) -> bool:
    """Whether an error says that no more can be written; polars says it in words alone."""
    if isinstance(error, OSError):
        return error.errno in FULL
    return any(f"(os error {number})" in str(error) for number in FULL)
