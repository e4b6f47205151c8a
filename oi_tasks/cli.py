"""`oi`: every step of the pipeline, and the local servers, from the terminal."""

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import ValidationError
from rich.console import Console

from oi_tasks import __version__
from oi_tasks.errors import BadInput, OiError
from oi_tasks.jobs import JOBS, job_class
from oi_tasks.jobs.base import Job, execute
from oi_tasks.local.cli import app as local_app
from oi_tasks.profile import describe, load_profile, profile_files
from oi_tasks.settings import settings

app = typer.Typer(
    help="Open Images, retrained every night. Each step is a command; `oi STEP --schema` prints its fields.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.registered_commands.extend(local_app.registered_commands)

ProfileOption = Annotated[str, typer.Option("--profile", help="a profile's name, its YAML file, or JSON")]
SetOption = Annotated[list[str], typer.Option("--set", help="field=value, lists as YAML; may be repeated")]


def parse_sets(sets: list[str]) -> dict[str, Any]:
    """`field=value` words as fields. Lists and mappings are YAML; any other value is text the field understands."""
    fields: dict[str, Any] = {}
    for word in sets:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise BadInput(f"--set {word!r} is not field=value")
        try:
            fields[name] = yaml.safe_load(value) if value[:1] in ("[", "{") else value
        except yaml.YAMLError:
            raise BadInput(f"the value of --set {word!r} is not YAML") from None
    return fields


def make_job(name: str, profile: str, fields: dict[str, Any]) -> Job:
    """A job from a profile and fields, or from fields alone. Raises BadInput naming the field that is wrong."""
    cls = job_class(name)
    unknown = sorted(set(fields) - set(cls.model_fields))
    if unknown:
        fix = f"its fields are {', '.join(cls.model_fields)}"
        raise BadInput(f"the job {name} has no field {', '.join(unknown)}", fix=fix)
    try:
        return cls.from_profile(load_profile(profile), **fields) if profile else cls(**fields)
    except ValidationError as error:
        raise BadInput(f"{name}: {describe(error)}", fix=f"`oi {name} --schema` prints its fields") from None


def _add(name: str) -> None:
    """Give a job its command."""

    def command(
        profile: ProfileOption = "",
        sets: SetOption = [],  # noqa: B006 - typer reads the default, nobody changes it
        result: Annotated[str, typer.Option("--result", help="key in the work bucket to write result.json to")] = "",
        force: Annotated[bool, typer.Option("--force", help="compute anew what an equal job has published")] = False,
        schema: Annotated[bool, typer.Option("--schema", help="print the fields as a JSON schema, and end")] = False,
    ) -> None:
        if schema:
            print(json.dumps(job_class(name).model_json_schema(), indent=2))
            return
        said = execute(make_job(name, profile, parse_sets(sets)), settings(), force=force, result_to=result or None)
        print(json.dumps(said, indent=2))

    app.command(name, help=JOBS[name], rich_help_panel="Steps")(command)


for _name in JOBS:
    _add(_name)


@app.command("profiles")
def profiles(name: Annotated[str, typer.Argument(help="a profile to print in full, with its defaults")] = "") -> None:
    """List the profiles, or print one with all its defaults."""
    if name:
        print(yaml.safe_dump(load_profile(name).model_dump(mode="json"), sort_keys=False), end="")
        return
    for found, path in profile_files().items():
        print(f"{found:<20} {path}")


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
