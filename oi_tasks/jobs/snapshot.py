"""Name everything that one ingest brought, for good."""

import json
from typing import Any, ClassVar, Self

from oi_tasks.io.snapshots import PARTS
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Profile

IDS = {*PARTS, "parts"}  # fields of the parts that are ids of outputs: the same data is the same snapshot without them


class Snapshot(Job):
    """Name everything that one ingest brought, for good.

    Publishes `snapshot.json`: the release's sources and files, the fields of the profile that mattered, the outputs
    that it is made of and their objects, each with its sha256 and size, and counts. The photos stand, each with its
    sha256 and size, in `photos.parquet`, which is one of the objects. When and by which code each part was made stands
    in the parts' own manifests: the same data brought in twice is the same snapshot.
    """

    version: ClassVar[str] = "2"
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
        results = {part: output.result for part, output in outputs.items()}
        named = {
            "release": outputs["release"].read_json("release.json"),
            "profile": {
                name: value
                for job in PARTS
                for name, value in outputs[job].manifest.fields.items()
                if job == "release" or name not in IDS
            },
            "outputs": {part: output.id for part, output in outputs.items()},
            "counts": results,
            "objects": objects,
        }
        (io.out / "snapshot.json").write_text(json.dumps(named, indent=1, sort_keys=True))
        tables = results["tables"]
        return self.Result(photos=results["photos"]["good"], boxes=tables["boxes"], image_labels=tables["image_labels"])
