"""The steps, by name. A job's module is imported when the job is asked for, so that `oi --help` stays quick."""

from importlib import import_module
from typing import TYPE_CHECKING

from oi_tasks.errors import BadInput

if TYPE_CHECKING:
    from oi_tasks.jobs.base import Job

JOBS = {
    "fetch": "Bring a release's annotation files into the store.",
    "tables": "Turn the release's CSV and JSON into Parquet tables.",
    "photo_part": "Bring a part of the photos into the store.",
    "photos": "Bring the photos into the store, each decoded once.",
    "snapshot": "Name everything that one ingest brought, for good.",
    "validate": "Judge a snapshot, and set apart what breaks a rule.",
    "data_gate": "Refuse data that may not be trained on.",
    "collapse": "Choose the classes to train on, and the clusters.",
    "plan": "Say what a retrain has to do.",
    "shards": "Store the photos at training size, in shards.",
    "train_classifier": "Train the classifier.",
    "train_semseg": "Train the segmentation model of one cluster.",
    "train_detector": "Train a single-stage detector to compare with.",
    "evaluate": "Score candidate and champion on the same test photos.",
    "gate": "Decide whether the candidate may be promoted.",
    "serve_check": "Load the candidate anew, and compare its answers.",
    "turn_down": "Enter that a person turned a candidate down.",
    "promote": "Make the candidate the champion.",
    "roll_back": "Bring an earlier champion back.",
    "alias_watch": "Look for a move by hand, and check the ledger.",
    "compare_variants": "Write the page of variants against the base.",
    "compare_detector": "Compare the cascade with the single-stage detector.",
    "housekeeping": "List, or remove, what is past its time.",
    "report": "Write the page of a run.",
}


def job_class(name: str) -> type["Job"]:
    """The class of a job. Raises BadInput for a name that is none."""
    if name not in JOBS:
        raise BadInput(f"there is no job {name!r}", fix=f"choose one of {', '.join(JOBS)}", code="usage")
    class_name = "".join(word.capitalize() for word in name.split("_"))
    found = getattr(import_module(f"oi_tasks.jobs.{name}"), class_name)
    return found  # type: ignore[no-any-return]
