"""`oi`: every step of the pipeline, and the local servers, from the terminal."""

import os
import sys
import traceback
from pathlib import Path

import typer
from rich.console import Console

from oi_tasks import __version__
from oi_tasks.commands import local, profiles, snapshots
from oi_tasks.commands.steps import add_steps
from oi_tasks.errors import OiError

app = typer.Typer(
    help="Open Images, retrained every night. Each step is a command; `oi STEP --schema` prints its fields.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _group in (
    local,
    profiles,
    snapshots,
):
    app.registered_commands.extend(_group.app.registered_commands)
    app.registered_groups.extend(_group.app.registered_groups)
add_steps(app)


@app.command("version")
def version() -> None:
    """Print the version."""
    print(__version__)


def main() -> None:
    """Run a command; what goes wrong is one line on stderr, and the exit status tells its kind."""
    try:
        app(standalone_mode=False)
    except OiError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"oi: {error}", markup=False)
        sys.exit(error.exit_code)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        # Click's usage errors say themselves what is wrong and where.
        show = getattr(error, "show", None)
        if show is not None:
            show()
            sys.exit(getattr(error, "exit_code", 2))
        if os.environ.get("OI_DEBUG"):
            raise
        at = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} at {Path(at.filename).name}:{at.lineno}: {' '.join(str(error).split())}"
        print(f"oi: a fault in oi itself: {place}; OI_DEBUG=1 shows all of it", file=sys.stderr)
        sys.exit(1)
