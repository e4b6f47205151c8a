"""`oi doctor`: is everything there that a run needs."""

import json
import sys
from contextlib import suppress
from typing import Annotated

import typer

from oi_tasks.commands import for_example
from oi_tasks.commands.steps import ProfileOption
from oi_tasks.profile import load_profile
from oi_tasks.settings import settings

app = typer.Typer()
COLOURS = {"ok": "green", "failed": "red", "not configured": "dim", "unknown": "yellow"}
WIDE = 1000  # columns: more than any line has


@app.command(
    "doctor",
    short_help="Check store, MLflow, Airflow and cluster.",
    epilog=for_example("oi doctor --profile demo", "OI_ENV_FILE=.oi/env oi doctor --json"),
)
def doctor(
    profile: ProfileOption = "demo",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Check the store, MLflow, Airflow and the cluster: what is well, what is not, and what to do.

    Settings are OI_* variables, or lines of the file OI_ENV_FILE (.oi/env). The exit status is 1 if anything that is
    configured has failed.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from oi_tasks.doctor import cluster, servers
    from oi_tasks.doctor.checks import run_all

    _import_clients()
    found, pods = settings(), load_profile(profile).pods
    checks = run_all(
        {
            "store": lambda: servers.store(found),
            "MLflow": lambda: servers.mlflow(found),
            "Airflow": lambda: servers.airflow(found),
            "pod templates": lambda: cluster.templates(found),
            "cluster": lambda: cluster.cluster(found, pods),
        }
    )
    if as_json:
        print(json.dumps([check.plain() for check in checks], indent=2))
    else:
        table = Table("check", "state", "found", "what to do", box=None, pad_edge=False)
        for check in checks:
            table.add_row(check.name, Text(check.state, COLOURS[check.state]), Text(check.said), Text(check.fix))
        # In a pipe a check stays on its line, so that grep finds what belongs together.
        Console(width=None if sys.stdout.isatty() else WIDE).print(table)
    if any(check.state == "failed" for check in checks):
        sys.exit(1)


def _import_clients() -> None:
    """What takes seconds to import, before the time of a check begins to run."""
    from oi_tasks.io import store  # noqa: F401

    with suppress(ImportError):
        import kubernetes.client  # noqa: F401
