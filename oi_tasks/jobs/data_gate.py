"""Refuse data that may not be trained on."""

from typing import Any, Self

from oi_tasks.errors import Refused
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

    def run(self, io: JobIO) -> Result:
        """Read the judgement. Raises Refused with every reason."""
        from oi_tasks.quality.verdict import reasons_against

        validated = io.input("validate", self.validated)
        reasons = reasons_against(validated.read_json("quality.json"), self.max_quarantined)
        if reasons:
            raise Refused(
                "the data may not be trained on: " + "; ".join(reason.text for reason in reasons),
                where=f"the quality report {validated.result['report']}",
                fix="correct the release as the report says, or change its limits in the profile's quality section",
                code=reasons[0].code,
            )
        return self.Result(verdict="pass", reasons=())
