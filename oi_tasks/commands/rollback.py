"""`oi rollback`: bring an earlier champion back, in one command."""

import json
from typing import Annotated
from uuid import uuid4

import typer

from oi_tasks.commands import for_example
from oi_tasks.errors import BadInput

app = typer.Typer()
PANEL = "Champion"
ToOption = Annotated[int | None, typer.Option("--to", min=1, help="version of oi-cascade; the previous one if none")]
ReasonOption = Annotated[str, typer.Option("--reason", help="why; it stands in the ledger for good")]
ByOption = Annotated[str, typer.Option("--by", help="who asks; you, if nobody is named")]
JsonOption = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


@app.command(
    "rollback",
    epilog=for_example(
        'oi rollback --reason "misses dogs"', 'oi rollback --to 12 --reason "12 was the last good one" --by ann'
    ),
    rich_help_panel=PANEL,
    short_help="Bring an earlier champion back, with a reason.",
)
def rollback(reason: ReasonOption, to: ToOption = None, by: ByOption = "", as_json: JsonOption = False) -> None:
    """Bring an earlier champion back: the cascade and its parts, with the reason in the ledger."""
    from pydantic import ValidationError

    from oi_tasks.jobs.base import execute
    from oi_tasks.jobs.roll_back import RollBack
    from oi_tasks.profile import describe
    from oi_tasks.settings import settings

    try:
        job = RollBack(request=uuid4().hex, reason=reason, to=to, by=by)
    except ValidationError as error:
        raise BadInput(f"--{describe(error)}", fix="say in a few words why", code="usage") from None
    result = execute(job, settings())["result"]
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        print(f"version {result['version']} of oi-cascade is champion again, instead of {result['left']}")
        print(f"entry {result['entry']} of the ledger says so: `oi ledger show {result['entry']}`")
