"""`oi`: every step of the pipeline, and the local servers, from the terminal."""

import errno
import importlib
import io
import os
import pkgutil
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import typer

from oi_tasks import __version__, commands
from oi_tasks.commands.panels import Panels
from oi_tasks.commands.steps import add_steps
from oi_tasks.errors import BadInput, OiError, coded, in_line
from oi_tasks.io.disk import is_full

DENIED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP)
app = typer.Typer(
    cls=Panels,
    help="Open Images, retrained every night. Each step is a command; `oi STEP --schema` prints its fields.",
    no_args_is_help=True,
    epilog=commands.for_example(
        "oi demo                            # start the servers, and train to a promoted model",
        "oi status                          # what runs, and who is champion",
        "oi validate my-release             # every fault of a release in a folder",
        "oi predict photo.jpg --draw drawn  # boxes, by the champion",
        "oi collapse --help                 # every command's help ends with an example",
    ),
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _file in pkgutil.iter_modules(commands.__path__):  # a command is a file in `commands/`, with an `app` of its own
    _group = getattr(importlib.import_module(f"{commands.__name__}.{_file.name}"), "app", None)
    if _group is not None:
        app.registered_commands.extend(_group.registered_commands)
        app.registered_groups.extend(_group.registered_groups)
add_steps(app)


@app.command("version", epilog=commands.for_example("oi version"))
def version() -> None:
    """Print the version."""
    print(__version__)


def main() -> None:
    """Run a command; what goes wrong is one line on stderr, and the exit status tells its kind."""
    for stream in (sys.stdout, sys.stderr):  # a name may have letters that the terminal, or UTF-8, has not
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = app(standalone_mode=False)  # of a command that ends itself by typer.Exit, its status is returned
        sys.stdout.flush()  # so that a full disk is told here, and not while Python ends
        sys.exit(status if isinstance(status, int) else 0)
    except OiError as error:
        _tell(error)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read the output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if known := _known(error):
            _tell(known)
        if hasattr(error, "show"):
            _show_usage(error)
        if os.environ.get("OI_DEBUG"):
            raise
        at = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} at {Path(at.filename).name}:{at.lineno}: {' '.join(str(error).split())}"
        line = coded(f"a fault in oi itself: {place}; OI_DEBUG=1 shows all of it", "fault")
        _say(line)
        sys.exit(1)


def _tell(error: OiError) -> NoReturn:
    _say(in_line(error.line))
    sys.exit(error.exit_code)


def _say(line: str) -> None:
    sys.stderr.write(f"oi: {line}\n")  # at once: of several processes each has a line of its own


def _known(error: Exception) -> OiError | None:
    """What the machine says of a file or a disk, as an error that a user can act on; None for a fault in oi."""
    name = getattr(error, "filename", None)
    where = os.fsdecode(name) if isinstance(name, str | bytes) else ""
    if is_full(error):
        fix = "make room, or write elsewhere (TMPDIR, OI_CACHE, or the command's own options)"
        return OiError("the disk is full", where, fix, "disk_full")
    if isinstance(error, OSError) and error.errno in DENIED and where:
        return BadInput(f"the file or folder cannot be used: {error.strerror}", where, code="bad_input")
    return None


def _show_usage(error: Any) -> NoReturn:
    """Say in a line like all others what Click cannot use; of a group without a command, show the help."""
    said = error.format_message()
    if "\n" in said:
        error.show()
    else:
        asked = error.ctx.command_path if error.ctx else "oi"
        line = coded(f"{said.rstrip('.')}; `{asked} --help` says what it takes", "usage")
        _say(line)
    sys.exit(error.exit_code)
