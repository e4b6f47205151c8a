"""Say what a retrain has to do: which clusters to train, and who is champion."""

from typing import Any, Self

from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Profile

CASCADE = "oi-cascade"


class Plan(Job):
    """Say what a retrain has to do: which clusters to train, and who is champion."""

    classes: OutputId

    class Result(JobResult):
        """Slugs of the clusters, and the champion's version, if there is one."""

        clusters: tuple[str, ...]
        champion: int | None

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """Nothing of the profile matters here."""
        return cls(**inputs)

    def source(self, io: JobIO) -> Any:
        """The champion."""
        return io.tracking.alias(CASCADE, "champion")

    def run(self, io: JobIO) -> Result:
        """Read the class map and the registry."""
        class_map = io.input("collapse", self.classes).read_json("class_map.json")
        for cluster in class_map["clusters"]:
            why = "" if cluster["trained"] else f": left out, {cluster['reason']}"
            io.log(f"plan: cluster {cluster['name']}, {cluster['photos']} photos with boxes{why}")
        trained = tuple(cluster["name"] for cluster in class_map["clusters"] if cluster["trained"])
        return self.Result(clusters=trained, champion=io.tracking.alias(CASCADE, "champion"))
