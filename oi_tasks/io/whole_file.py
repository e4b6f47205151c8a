"""A file that a command was asked to write: that it cannot be is told before the work, and it appears whole or not."""

import os
from pathlib import Path

from oi_tasks.errors import BadInput
from oi_tasks.io.disk import told_when_unwritable


def check_writable(path: Path) -> None:
    """Raise BadInput if nothing could be written there, before the work that is to be written."""
    if path.is_dir():
        raise BadInput("the file cannot be written: a folder stands there", str(path), "add a name", "cannot_write")
    if not path.parent.is_dir():
        raise BadInput("the file's folder does not exist", str(path.parent), "make it, or name another", "cannot_write")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise BadInput("the file cannot be written: Permission denied", str(path), code="cannot_write")


def write_whole(path: Path, text: str) -> None:
    """Write a text as UTF-8, aside first. Raises BadInput where it cannot be, OiError for a full disk."""
    with told_when_unwritable("the file cannot be written", path):
        target = path.resolve()
        if (path.exists() and not path.is_file()) or not os.access(target.parent, os.W_OK):
            _write(path, text)  # a pipe or a device takes what comes; so does a file in a folder that takes no other
            return
        aside = target.with_name(f"{target.name}.{os.getpid()}.part")
        try:
            _write(aside, text)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    # A photo's name may have bytes that are no UTF-8; the file stays text.
    path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
