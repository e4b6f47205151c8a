"""`oi ledger`: what was promoted, refused and rolled back, when, by whom and why."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oi_tasks.commands import for_example
from oi_tasks.commands.terminal import terminal
from oi_tasks.errors import BadInput

if TYPE_CHECKING:
    from oi_tasks.core.ledger import Entry
    from oi_tasks.io.ledger import Ledger

app = typer.Typer()
ledger = typer.Typer(
    help="What was promoted, refused and rolled back.", no_args_is_help=True, epilog=for_example("oi ledger list")
)
app.add_typer(ledger, name="ledger", rich_help_panel="Champion")
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON")]


def _ledger() -> "Ledger":
    from oi_tasks.io.ledger import Ledger
    from oi_tasks.io.store import Store
    from oi_tasks.settings import settings

    return Ledger(Store(settings()))


@ledger.command("list", epilog=for_example("oi ledger list", "oi ledger list --json"))
def list_entries(as_json: JsonOption = False) -> None:
    """List all entries, one a line."""
    entries = _ledger().entries()
    if as_json:
        _print_json([entry.plain() for entry in entries])
        return
    _table(entries)


@ledger.command("show", epilog=for_example("oi ledger show 17"))
def show(
    number: Annotated[int, typer.Argument(help="number of the entry", min=1)], as_json: JsonOption = False
) -> None:
    """Show one entry with all its facts."""
    entry = _ledger().entry(number)
    if as_json:
        _print_json(entry.plain())
        return
    for name, value in entry.plain().items():
        for place, line in enumerate(_lines(value)):
            print(f"{name if place == 0 else '':<8} {line}")


@ledger.command("verify", epilog=for_example("oi ledger verify"))
def verify(as_json: JsonOption = False) -> None:
    """Check that no entry is missing or changed; the exit status is 1 where one is, and it is named."""
    count = _ledger().verify()
    if as_json:
        _print_json({"entries": count, "whole": True})
    else:
        print(f"the ledger is whole: {count} entries, each naming the one before, none written over or removed")


@ledger.command("at", epilog=for_example("oi ledger at 2026-11-26", "oi ledger at 2026-11-26T09:30 --json"))
def at(
    date: Annotated[str, typer.Argument(help="a day (its end, UTC) or a moment: 2026-11-26, 2026-11-26T09:30")],
    as_json: JsonOption = False,
) -> None:
    """Tell who was champion on a day, and why."""
    from oi_tasks.core.ledger import champion_at

    moment = parse_moment(date)
    reign = champion_at(_ledger().entries(), moment)
    if as_json:
        said = {"version": reign.version, "entry": reign.entry.plain()} if reign else None
        _print_json({"at": moment.isoformat(timespec="seconds"), "champion": said})
        return
    when = f"{moment:%Y-%m-%d %H:%M} UTC"
    if reign is None or reign.version is None:
        print(f"at {when} there was no champion")
        return
    entry = reign.entry
    print(f"at {when} version {reign.version} was champion")
    print(f"  {entry.event} on {entry.at} by {entry.by or 'unknown'} (entry {entry.number})")
    if entry.why:
        print(f"  why: {entry.why}")


def parse_moment(text: str) -> datetime:
    """A day as its last second, or a moment, in UTC unless it names a zone. Raises BadInput for what is neither."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is no date", fix="write it as 2026-11-26 or 2026-11-26T09:30", code="usage") from None
    if len(text) == len("2026-11-26"):
        moment = datetime.combine(moment.date(), time.min) + timedelta(days=1, seconds=-1)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def summary(entry: "Entry") -> str:
    """What an entry says, in a few words."""
    facts = entry.facts
    said = f"version {facts['version']}" if facts.get("version") is not None else ""
    if facts.get("previous") is not None:
        said += f" after {facts['previous']}"
    codes = ", ".join(sorted({str(reason["code"]) for reason in facts.get("reasons", ())}))
    return "; ".join(part for part in (said, codes or entry.why) if part)


def _table(entries: Iterable["Entry"]) -> None:
    from rich.table import Table

    table = Table("entry", "at", "event", "by", "what", box=None, pad_edge=False)
    for entry in entries:
        table.add_row(str(entry.number), entry.at, entry.event, entry.by, summary(entry))
    if not table.row_count:
        print("the ledger has no entry yet")
        return
    terminal().print(table)


def _lines(value: Any) -> list[str]:
    return json.dumps(value, indent=1).splitlines() if isinstance(value, dict) else [str(value)]


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))
