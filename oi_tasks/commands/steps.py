"""Every step of the pipeline as a command: `oi STEP --profile … --set field=value`."""

import json
import shlex
from typing import Annotated, Any

import typer
import yaml
from pydantic import ValidationError

from oi_tasks.commands import for_example
from oi_tasks.errors import BadInput
from oi_tasks.io.usage import process_age
from oi_tasks.jobs import JOBS, job_class
from oi_tasks.jobs.base import Job, execute
from oi_tasks.profile import describe, load_profile
from oi_tasks.settings import settings

PANEL = "Steps"
ProfileOption = Annotated[str, typer.Option("--profile", help="a profile's name, its YAML file, or JSON")]
SetOption = Annotated[list[str], typer.Option("--set", help="field=value, lists as YAML; may be repeated")]
ResultOption = Annotated[str, typer.Option("--result", help="key in the work bucket to write result.json to")]
ForceOption = Annotated[bool, typer.Option("--force", help="compute anew what an equal job has published")]
SchemaOption = Annotated[bool, typer.Option("--schema", help="print the fields as a JSON schema, and end")]


EXAMPLES = {
    "tables": "release",
    "photo_part": "release tables digits=01234567",
    "photos": "release tables",
    "snapshot": "release tables photos",
    "validate": "snapshot",
    "data_gate": "validated",
    "collapse": "validated",
    "plan": "classes",
    "shards": "classes validated",
    "train_classifier": "dataset",
    "train_semseg": "dataset classifier cluster=animal",
    "train_detector": "dataset classifier",
    "evaluate": "dataset classifier",
    "gate": "evaluation",
    "serve_check": "verdict",
    "turn_down": "verdict 'approval={answer: reject, by: ann, at: today}'",
    "promote": "verdict served",
    "roll_back": "request=by-hand 'reason=misses dogs'",
    "compare_variants": "'models=[$BASE, $VARIANT]'",
    "compare_detector": "evaluation detector",
    "report": "verdict",
}
"""The fields that each step's example sets; a bare name stands for an id that a step before has printed."""


def step_example(name: str) -> str:
    """A step by hand. Ids of its inputs are variables of a shell: `RELEASE=$(oi fetch --profile demo | jq -r .id)`."""
    fields = shlex.split(EXAMPLES.get(name, ""))
    sets = [field if "=" in field else f"{field}=${field.upper()}" for field in fields]
    quoted = [f'"{field}"' if set(field) & set(" [{") else field for field in sets]
    return " ".join((f"oi {name} --profile demo", *(f"--set {field}" for field in quoted)))


def parse_sets(sets: list[str]) -> dict[str, Any]:
    """`field=value` words as fields. Lists and mappings are YAML; any other value is text the field understands."""
    fields: dict[str, Any] = {}
    for word in sets:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise BadInput(f"--set {word!r} is not field=value", code="usage")
        try:
            fields[name] = yaml.safe_load(value) if value[:1] in ("[", "{") else value
        except yaml.YAMLError:
            raise BadInput(f"the value of --set {word!r} is not YAML", code="usage") from None
    return fields


def make_job(name: str, profile: str, fields: dict[str, Any]) -> Job:
    """A job from a profile and fields, or from fields alone. Raises BadInput naming the field that is wrong."""
    cls = job_class(name)
    unknown = sorted(set(fields) - set(cls.model_fields))
    if unknown:
        fix = f"its fields are {', '.join(cls.model_fields)}"
        raise BadInput(f"the job {name} has no field {', '.join(unknown)}", fix=fix, code="field")
    try:
        return cls.from_profile(load_profile(profile), **fields) if profile else cls(**fields)
    except ValidationError as error:
        raise BadInput(
            f"{name}: {describe(error)}", fix=f"`oi {name} --schema` prints its fields", code="field"
        ) from None


def run_step(name: str, profile: str, sets: list[str], result: str, force: bool, schema: bool) -> None:
    """What a step's command does: run its job, or print its schema."""
    if schema:
        print(json.dumps(job_class(name).model_json_schema(), indent=2))
        return
    job, result_to = make_job(name, profile, parse_sets(sets)), result or None
    by = load_profile(profile).name if profile else ""
    said = execute(job, settings(), force=force, result_to=result_to, age=process_age(), profile=by)
    print(json.dumps(said, indent=2))


def add_steps(app: typer.Typer) -> None:
    """Give each job its command, unless a file of its own has given it one."""
    taken = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    for name in JOBS:
        if name not in taken:
            _add(app, name)


def _add(app: typer.Typer, name: str) -> None:
    def command(
        profile: ProfileOption = "",
        sets: SetOption = [],  # noqa: B006 - typer reads the default, nobody changes it
        result: ResultOption = "",
        force: ForceOption = False,
        schema: SchemaOption = False,
    ) -> None:
        run_step(name, profile, sets, result, force, schema)

    app.command(name, help=JOBS[name], epilog=for_example(step_example(name)), rich_help_panel=PANEL)(command)
