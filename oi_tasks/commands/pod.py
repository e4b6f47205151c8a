"""`oi pod`: the pod of a job, to be looked at without Airflow."""

import json
import sys
from typing import Annotated

import typer
import yaml

from oi_tasks.commands import for_example
from oi_tasks.commands.steps import PANEL, ProfileOption, SetOption, parse_sets
from oi_tasks.errors import BadInput
from oi_tasks.jobs import JOBS
from oi_tasks.profile import Profile, load_profile
from oi_tasks.settings import settings

app = typer.Typer()


@app.command(
    "pod",
    epilog=for_example(
        "oi pod train_classifier --profile demo --set dataset=$DATASET",
        "oi pod train_classifier --profile demo --gpus 2 --json",
    ),
    rich_help_panel=PANEL,
    short_help="Print the pod of a job as a DAG makes it.",
)
def pod(
    job: Annotated[str, typer.Argument(help="the job, such as train_classifier")],
    profile: ProfileOption = "demo",
    sets: SetOption = [],  # noqa: B006 - typer reads the default, nobody changes it
    gpus: Annotated[int | None, typer.Option("--gpus", min=0, help="GPUs, instead of what the profile says")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of YAML")] = False,
) -> None:
    """Print the pod of a job as a DAG makes it, for `kubectl create -f -`. A DAG adds its labels and a suffix."""
    from oi_tasks.pods.manifest import input_labels, job_words, pod_manifest

    if job not in JOBS:
        raise BadInput(f"there is no job {job!r}", fix=f"choose one of {', '.join(JOBS)}", code="usage")
    fields, chosen = parse_sets(sets), _with_gpus(load_profile(profile), job, gpus)
    words = job_words(job, chosen.model_dump(mode="json"), fields)
    made = pod_manifest(job, chosen.pods, words, input_labels(job, fields), settings())
    print(json.dumps(made, indent=2) if as_json else yaml.safe_dump(made, sort_keys=False, width=sys.maxsize).rstrip())


def _with_gpus(profile: Profile, job: str, gpus: int | None) -> Profile:
    """The profile with that many GPUs for this kind of pod."""
    from oi_tasks.pods.manifest import kind_of

    if gpus is None:
        return profile
    kind = kind_of(job)
    size = getattr(profile.pods, kind).model_copy(update={"gpus": gpus})
    return profile.model_copy(update={"pods": profile.pods.model_copy(update={kind: size})})
