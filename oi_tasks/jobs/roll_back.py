"""Bring an earlier champion back: one alias moves, and the ledger says who asked for it and why."""

from typing import Annotated, Any, Self

from pydantic import Field, PositiveInt, StringConstraints

from oi_tasks.io.champions import Champions
from oi_tasks.io.ledger import Ledger, who
from oi_tasks.io.serving import ask, plain_photo
from oi_tasks.jobs.base import Job, JobIO, JobResult
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.profile import Profile

Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class RollBack(Job):
    """Bring an earlier champion back: the cascade and its parts, as they were.

    The version is first loaded in a fresh process, and must answer. One `request` is one rollback: asked again, after
    a crash or by a retry, it is finished, and not done twice.
    """

    request: Said
    reason: Said
    to: PositiveInt | None = None
    by: str = Field("", description="who asks; none: the user of this process")

    class Result(JobResult):
        """The champion's version, the one that was rolled back, and the number of the ledger's entry."""

        version: int
        left: int | None
        entry: int

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """Nothing of the profile matters here."""
        return cls(**inputs)

    def run(self, io: JobIO) -> Result:
        """Roll back. Raises Refused for a version that is gone, does not load, was turned down or never champion."""

        def loads(version: int) -> None:
            io.log(f"roll_back: version {version} is loaded in a process of its own")
            ask(io.tracking, CASCADE, version, [plain_photo()], io.scratch / f"version-{version}")

        champions = Champions(io.tracking, Ledger(io.store), CASCADE)
        done = champions.roll_back(self.to, self.reason, self.by or who(), loads, self.request)
        version, left = done.facts["version"], done.facts["previous"]
        io.log(f"roll_back: {CASCADE}@champion is version {version} again, instead of {left}")
        return self.Result(version=version, left=left, entry=done.number)
