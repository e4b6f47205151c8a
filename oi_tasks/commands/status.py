"""`oi status`: the local servers, and how things stand in the pipeline."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oi_tasks.commands import for_example
from oi_tasks.commands.local import PANEL, console_of_servers, state_folder

if TYPE_CHECKING:
    from rich.console import Console

    from oi_tasks.local.services import Status
    from oi_tasks.overview import Overview

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.command("status", epilog=for_example("oi status", "oi status --json"), rich_help_panel=PANEL)
def status(as_json: Annotated[bool, typer.Option("--json", help="print it as JSON")] = False) -> None:
    """Tell what runs, who is champion, what happened last.

    Of each local server its pid, address, health and memory; then the champion, the newest snapshot and its quality,
    the last run of each DAG with its note, what waits for a person's answer, and the newest entries of the ledger.
    What does not answer is named, and the rest is shown.
    """
    from oi_tasks.local import services
    from oi_tasks.overview import look
    from oi_tasks.settings import Settings

    state = state_folder()
    servers = list(services.status(state))
    env_file = state / "env"
    local = env_file.is_file()
    found = look(Settings(_env_file=env_file if local else None))
    airflow = _airflow(state) if local and not servers[-1].problem else {}
    if as_json:
        said = {"servers": [asdict(server) for server in servers], "pipeline": asdict(found), **airflow}
        print(json.dumps(said, indent=2, default=str))
        return
    with console_of_servers() as console:
        _print_servers(console, servers)
        _print_pipeline(console, found, airflow)


def _airflow(state: Any) -> dict[str, Any]:
    """The last run of each DAG, and what waits for a person."""
    from oi_tasks.errors import OiError
    from oi_tasks.local import keys
    from oi_tasks.local.airflow_api import Airflow
    from oi_tasks.local.follow import INGEST, RETRAIN

    lines = keys.read(state / "env")
    airflow = Airflow(lines["OI_AIRFLOW_URL"], lines["OI_AIRFLOW_USER"], lines["OI_AIRFLOW_PASSWORD"])
    try:
        runs = {dag: airflow.last_run(dag) for dag in (INGEST, RETRAIN) if airflow.dag_exists(dag)}
        waiting = airflow.waiting()
    except OiError as error:
        return {"problem": error.line}
    return {"runs": {dag: run.model_dump(mode="json") for dag, run in runs.items() if run}, "waiting": waiting}


def _print_servers(console: "Console", servers: list["Status"]) -> None:
    from rich.table import Table

    from oi_tasks.local.outcome import span

    table = Table("server", "pid", "address", "health", "memory", "up for", box=None, pad_edge=False)
    for server in servers:
        running = server.pid is not None
        table.add_row(
            server.name,
            str(server.pid or ""),
            server.address,
            server.problem or "well",
            f"{server.memory / 1e6:.0f} MB" if running else "",
            span(server.uptime) if running else "",
        )
    total = sum(server.memory for server in servers)
    console.print(table)
    console.print(f"memory in all: {total / 1e6:.0f} MB (shared pages counted once); state: {state_folder()}")


def _print_pipeline(console: "Console", found: "Overview", airflow: dict[str, Any]) -> None:
    from oi_tasks.reports.overview import sentence_of

    champion, quality = found.champion, found.quality
    none = "none yet" if found.registry_answers else "unknown: MLflow does not answer"
    lines = [("champion", f"oi-cascade version {champion.version}, {champion.page}" if champion else none)]
    if quality is not None:
        fit = "fit to train on" if quality.verdict == "pass" else "not fit to train on"
        counts = f"{quality.photos:,} photos, {quality.boxes:,} boxes, {quality.warnings} warnings"
        lines.append(("snapshot", f"{quality.snapshot}: {fit}; {counts}"))
    elif not found.store_answers:
        lines += [(name, "unknown: the store does not answer") for name in ("snapshot", "ledger")]
    for dag, run in airflow.get("runs", {}).items():
        lines.append((dag, f"{run['state']}, started {(run['start_date'] or 'not yet')[:16].replace('T', ' ')} UTC"))
        if run["note"]:
            lines.append(("", " ".join(run["note"].split())))
    lines += [("waits", f"{subject} (an answer is asked for in Airflow)") for subject in airflow.get("waiting", ())]
    lines += [("ledger", f"{entry.number}. {sentence_of(entry)}") for entry in found.ledger[:3]]
    problems = [*found.problems, *([airflow["problem"]] if "problem" in airflow else [])]
    lines += [("problem", problem) for problem in problems]
    console.print()
    for name, text in lines:
        console.print(f"{name:<12}{text}", markup=False, highlight=False)
