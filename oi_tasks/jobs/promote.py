"""Make the candidate the champion: one alias moves, and the ledger says why."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from oi_tasks.errors import Refused
from oi_tasks.io.champions import Champions
from oi_tasks.io.ledger import Ledger
from oi_tasks.io.outputs import Output
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.profile import Profile


class Approval(BaseModel):
    """A person's answer: what, who, when, and what they wrote. `automatic`: nobody was to be asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    answer: str
    by: str
    at: str
    comment: str = ""


class Promote(Job):
    """Make the candidate the champion: the alias `champion` of oi-cascade moves, its parts' aliases follow.

    An entry in the ledger stands before and after; run again after a crash in between, it finishes.
    """

    verdict: OutputId
    served: OutputId | None = None
    approval: Approval | None = None

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
            raise Refused(
                f"version {candidate} of {CASCADE} was refused by the gate", fix="its report says why", code="gate"
            )
        self._check_served(io)
        approval = self.approval if self.approval and self.approval.answer != "automatic" else None
        if approval is not None and approval.answer != "approve":
            raise Refused(f"version {candidate} of {CASCADE} was not approved: {approval.answer}", code="not_approved")
        tags = self._tags(io, verdict["evaluation"])
        facts = {"verdict": self.verdict, "note": verdict["note"]}
        if approval is not None:
            facts["approval"] = approval.model_dump()
        by = approval.by if approval else ""
        why = f"passed the gate of the profile {verdict['profile']}" + (f", approved by {by}" if by else "")
        champions = Champions(io.tracking, Ledger(io.store), CASCADE)
        champions.promote(candidate, judged_against, facts, tags | {"verdict": self.verdict}, why, by)
        io.log(f"promote: {CASCADE}@champion is version {candidate}, before it {judged_against or 'none'}")
        return self.Result(version=candidate, previous=judged_against)

    def _check_served(self, io: JobIO) -> None:
        if self.served is None:
            return
        served = io.input("serve_check", self.served)
        if served.result["verdict"] != "serves" or served.manifest.fields["verdict"] != self.verdict:
            raise Refused("the serve check did not let this candidate through", code="does_not_serve")

    def _tags(self, io: JobIO, evaluation_id: str) -> dict[str, str]:
        """Which data and which code the candidate comes from."""
        evaluation = io.input("evaluate", evaluation_id)
        dataset = evaluation.manifest.fields["dataset"]
        validated = io.input("shards", dataset).manifest.fields.get("validated", "")
        tags = {
            "evaluation": evaluation_id,
            "dataset": dataset,
            "code": str(evaluation.manifest.produced.get("code", "")),
        }
        if validated:
            tags |= {"validated": validated, "snapshot": io.input("validate", validated).manifest.fields["snapshot"]}
        return tags
