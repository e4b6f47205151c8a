"""Enter in the ledger that a person turned a candidate down, or that nobody answered in time."""

from typing import Any, ClassVar, Self

from oi_tasks.core.ledger import REJECTED, UNANSWERED
from oi_tasks.io.ledger import Ledger
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.jobs.promote import Approval
from oi_tasks.profile import Profile


class TurnDown(Job):
    """Enter in the ledger that a person turned a candidate down, or that nobody answered in time.

    What a person turned down is not asked for again; what nobody answered may be.
    """

    verdict: OutputId
    approval: Approval

    class Result(JobResult):
        """The candidate, the number of the ledger's entry, who said no, and why."""

        candidate: int
        entry: int
        by: str
        why: str

    version: ClassVar[str] = "2"

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """Nothing of the profile matters here."""
        return cls(**inputs)

    def run(self, io: JobIO) -> Result:
        """Enter it, once for each answer."""
        candidate = io.input("gate", self.verdict).result["candidate"]
        answer = self.approval
        event = REJECTED if answer.by else UNANSWERED
        facts = {"version": candidate, "verdict": self.verdict, "approval": answer.model_dump()}
        why = reason_of(answer)
        entry = Ledger(io.store).append(event, io.key, facts, by=answer.by, why=why, once=True)
        io.log(f"turn_down: version {candidate}: {event}{f' by {answer.by}' if answer.by else ''}")
        return self.Result(candidate=candidate, entry=entry.number, by=answer.by, why=why)


def reason_of(answer: Approval) -> str:
    """Why it is turned down: what the person wrote, or that nobody answered."""
    return answer.comment or ("no reason was written" if answer.by else "nobody answered, and the time was up")
