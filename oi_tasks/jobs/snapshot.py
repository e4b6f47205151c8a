"""Name everything that one ingest brought, for good."""

import json
from typing import Any, Self

from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Profile

PARTS = {"release": "fetch", "tables": "tables", "photos": "photos"}


class Snapshot(Job):
    """Name everything that one ingest brought, for good.

    Publishes `snapshot.json`: the outputs it is made of and their objects, each with its sha256 and size, and counts.
    The snapshot's id is the hash of that.
    """

    release: OutputId
    tables: OutputId
    photos: OutputId

    class Result(JobResult):
        """Counts of the snapshot."""

        photos: int
        boxes: int
        image_labels: int

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """Nothing of the profile matters here."""
        return cls(**inputs)

    def run(self, io: JobIO) -> Result:
        """Collect the manifests of the parts."""
        outputs = {part: io.input(job, getattr(self, part)) for part, job in PARTS.items()}
        objects = {
            f"{part}/{name}": ref.model_dump()
            for part, output in outputs.items()
            for name, ref in output.manifest.objects.items()
        }
        ids = {part: output.id for part, output in outputs.items()}
        results = {part: output.result for part, output in outputs.items()}
        text = json.dumps({"outputs": ids, "counts": results, "objects": objects}, indent=1, sort_keys=True)
        (io.out / "snapshot.json").write_text(text)
        tables = results["tables"]
        return self.Result(photos=results["photos"]["good"], boxes=tables["boxes"], image_labels=tables["image_labels"])
