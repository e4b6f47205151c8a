"""The jobs of the chain on one folder, one after the other in this process, without Airflow."""

import sys
from pathlib import Path
from typing import Any

from oi_tasks.jobs import job_class
from oi_tasks.jobs.base import execute
from oi_tasks.profile import Profile
from oi_tasks.settings import Settings


class Chain:
    """A profile's jobs on a release in a folder. `said` holds what each job said, by its name."""

    def __init__(self, profile: Profile, settings: Settings, folder: Path, **fields: Any) -> None:
        """`fields` replace those of the profile; those of `release` are what the folder's release has besides."""
        own = fields | {"release": {"kind": "folder", "folders": [str(folder)], **fields.get("release", {})}}
        self.profile = Profile.model_validate(profile.model_dump(mode="json") | own)
        self.settings = settings
        self.said: dict[str, dict[str, Any]] = {}

    def run(self, job: str, **inputs: Any) -> str:
        """Run a job, or take what it made before. Returns the output's id."""
        self.said[job] = execute(job_class(job).from_profile(self.profile, **inputs), self.settings)
        print(f"{job}: {self.said[job]['seconds']:.0f} s", file=sys.stderr)
        return self.id_of(job)

    def id_of(self, job: str) -> str:
        """The id of what a job made."""
        return str(self.said[job]["id"])

    def to_validated(self) -> str:
        """From fetch to the clean tables. Returns their id."""
        fetched = self.run("fetch")
        tables = self.run("tables", release=fetched)
        photos = self.run("photos", release=fetched, tables=tables)
        return self.run("validate", snapshot=self.run("snapshot", release=fetched, tables=tables, photos=photos))

    def to_dataset(self) -> str:
        """From fetch to the shards. Returns the dataset's id."""
        validated = self.to_validated()
        classes = self.run("collapse", validated=validated)
        return self.run("shards", validated=validated, classes=classes)

    def to_classifier(self) -> tuple[str, str]:
        """From fetch to the classifier. Returns the ids of dataset and classifier."""
        dataset = self.to_dataset()
        return dataset, self.run("train_classifier", dataset=dataset)

    def to_evaluation(self) -> str:
        """From fetch to evaluate, through every cluster. Returns the evaluation's id."""
        dataset, classifier = self.to_classifier()
        self.run("plan", classes=self.id_of("collapse"))
        own = {"dataset": dataset, "classifier": classifier}
        semseg = [self.run("train_semseg", cluster=name, **own) for name in self.said["plan"]["result"]["clusters"]]
        return self.run("evaluate", semseg=semseg, **own)
