"""Refuse data that may not be trained on."""

from collections import Counter
from typing import Any, Self

from oi_tasks.errors import Refused
from oi_tasks.io.accepted import AcceptedSnapshots
from oi_tasks.io.outputs import Output
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Profile, Share


class DataGate(Job):
    """Refuse data that may not be trained on.

    It goes by the judgement that `validate` published: no critical finding, no expectation that could not be checked,
    and at most `max_quarantined` of the rows, and of the photos, set apart.
    """

    validated: OutputId
    max_quarantined: Share = 0.001

    class Result(JobResult):
        """Only ever a pass: data that does not pass ends the job."""

        verdict: str
        reasons: tuple[str, ...]

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's limit."""
        return cls(**{"max_quarantined": profile.quality.max_quarantined, **inputs})

    def still_good(self, io: JobIO, output: Output) -> bool:
        """Whether the snapshot is known as accepted."""
        quality = io.input("validate", self.validated).read_json("quality.json")
        line = quality.get("line", "")
        return not line or AcceptedSnapshots(io.store, line).holds(quality["snapshot"])

    def run(self, io: JobIO) -> Result:
        """Read the judgement; the next snapshot is compared with this one. Raises Refused with every reason."""
        from oi_tasks.quality.verdict import reasons_against

        validated = io.input("validate", self.validated)
        quality = validated.read_json("quality.json")
        reasons = reasons_against(quality, self.max_quarantined)
        if reasons:
            raise Refused(
                "the data may not be trained on: " + "; ".join(reason.text for reason in reasons),
                where=f"the quality report {validated.result['report']}",
                fix="correct the release as the report says, or change its limits in the profile's quality section",
                code=reasons[0].code,
            )
        if quality.get("line") and quality.get("facts"):
            findings = Counter(finding["severity"] for finding in quality["findings"])
            kept = {"validated": self.validated, "facts": quality["facts"], "findings": findings}
            AcceptedSnapshots(io.store, quality["line"]).add(
                quality["snapshot"], {**kept, "quarantined": quality["quarantined"]}
            )
        return self.Result(verdict="pass", reasons=())
