"""A full disk, told in one line, whoever found it: Python, or a library that writes by itself."""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from oi_tasks.errors import OiError

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


def is_full(error: BaseException) -> bool:
    """Whether an error says that no more can be written; polars says it in words alone."""
    if isinstance(error, OSError):
        return error.errno in FULL
    return any(f"(os error {number})" in str(error) for number in FULL)
