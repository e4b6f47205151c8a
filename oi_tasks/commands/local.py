"""`oi up`, `oi down`, `oi demo`: the servers of one machine. What they need is imported when they run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

from oi_tasks.commands import for_example

app = typer.Typer(help="The local servers.", no_args_is_help=True, pretty_exceptions_enable=False)
PANEL = "Local servers"
CHECKOUT = Path(__file__).resolve().parents[2]


def state_folder() -> Path:
    """Where the servers keep all they have: `OI_STATE`, else `.oi` in the checkout."""
    return Path(os.environ.get("OI_STATE") or CHECKOUT / ".oi").resolve()


def dags_folder() -> Path | None:
    """Airflow's DAG folder, if the caller chooses another than the checkout's, by `OI_DAGS`."""
    chosen = os.environ.get("OI_DAGS")
    return Path(chosen) if chosen else None


@contextmanager
def console_of_servers() -> "Iterator[Console]":
    """Where messages go. Of several taken ports each gets its own line: the last is raised, the others stand before."""
    from rich.console import Console

    from oi_tasks.local.ports import PortsTaken

    try:
        yield Console(soft_wrap=True)
    except PortsTaken as taken:
        errors = Console(stderr=True, highlight=False, soft_wrap=True)
        for problem in taken.problems[:-1]:
            errors.print(f"oi: {problem.line}", markup=False)
        raise taken.problems[-1] from None


@app.command(
    "up",
    epilog=for_example("oi up", "OI_AIRFLOW_PORT=8081 oi up"),
    rich_help_panel=PANEL,
    short_help="Start MinIO, MLflow and Airflow, or find them running.",
)
def up() -> None:
    """Start MinIO, MLflow and Airflow beside the checkout, or find them running."""
    from oi_tasks.local import services

    with console_of_servers() as console:
        services.start(state_folder(), dags=dags_folder(), say=lambda text: console.print(text, markup=False))


@app.command("down", epilog=for_example("oi down"), rich_help_panel=PANEL)
def down() -> None:
    """End what `oi up` or `oi demo` started, nothing else."""
    from oi_tasks.local import services

    with console_of_servers() as console:
        if not services.stop(state_folder(), say=lambda text: console.print(text, markup=False)):
            console.print("nothing runs")


@app.command(
    "demo",
    epilog=for_example("oi demo", "oi demo --profile real-photos"),
    rich_help_panel=PANEL,
    short_help="Start the servers, and train to a promoted model.",
)
def demo(profile: Annotated[str, typer.Option("--profile", help="the profile to run with")] = "demo") -> None:
    """Start the servers, ingest, retrain, and follow it until a model is promoted."""
    from oi_tasks.local.demo import demo as run_demo

    with console_of_servers() as console:
        run_demo(state_folder(), profile, dags_folder(), console)
