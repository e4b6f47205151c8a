"""Make the candidate the champion: one alias moves, and the ledger says why."""

from typing import Any, Self

from oi_tasks.errors import Refused
from oi_tasks.io.ledger import Ledger
from oi_tasks.io.outputs import Output
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.profile import Profile


class Promote(Job):
    """Make the candidate the champion: the alias `champion` of oi-cascade moves, its parts' aliases follow.

    An entry in the ledger stands before and after; run again after a crash in between, it finishes.
    """

    verdict: OutputId

    class Result(JobResult):
        """The champion's version, and the one before."""

        version: int
        previous: int | None

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """Nothing of the profile matters here."""
        return cls(**inputs)

    def still_good(self, io: JobIO, output: Output) -> bool:
        """As long as the alias points where this promotion put it."""
        version: int = output.result["version"]
        return io.tracking.alias(CASCADE, "champion") == version

    def run(self, io: JobIO) -> Result:
        """Move the aliases. Raises Refused when the verdict is not to promote, or another champion stands by now."""
        verdict = io.input("gate", self.verdict).read_json("verdict.json")
        candidate, judged_against = verdict["candidate"], verdict["champion"]
        if verdict["decision"] != "promote":
            raise Refused(f"version {candidate} of {CASCADE} was refused by the gate", fix="its report says why")
        champion = io.tracking.alias(CASCADE, "champion")
        if champion not in (judged_against, candidate):
            what = f"the champion is version {champion} by now; version {candidate} was judged against {judged_against}"
            raise Refused(what, fix="run the retrain again", code="champion_moved")
        ledger, subject = Ledger(io.store), f"{CASCADE}/{candidate}/{self.verdict}"
        facts = {"version": candidate, "previous": judged_against, "verdict": self.verdict, "note": verdict["note"]}
        ledger.append("promotion started", subject, facts)
        if judged_against is not None and judged_against != candidate:
            io.tracking.set_alias(CASCADE, "previous", judged_against)
        io.tracking.set_alias(CASCADE, "champion", candidate)
        for part, version in self._parts(io, candidate).items():
            io.tracking.set_alias(part, "champion", version)
        io.tracking.tag(CASCADE, candidate, {"verdict": self.verdict})
        ledger.append("promoted", subject, facts)
        io.log(f"promote: {CASCADE}@champion is version {candidate}, before it {judged_against or 'none'}")
        return self.Result(version=candidate, previous=judged_against)

    def _parts(self, io: JobIO, version: int) -> dict[str, int]:
        """The parts that a version of the cascade pins, from its tags."""
        tags = io.tracking.version_tags(CASCADE, version) or {}
        return {
            name: int(value.removeprefix("version "))
            for name, value in tags.items()
            if name.startswith("oi-") and value.startswith("version ")
        }
