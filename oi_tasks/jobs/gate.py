"""Decide whether the candidate may be promoted, and write down why."""

import json
from dataclasses import asdict
from typing import Any, Literal, Self

from oi_tasks.core.gate import Limit, judge
from oi_tasks.core.ledger import PASSED, REFUSED
from oi_tasks.io.ledger import Ledger
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Gate as Limits
from oi_tasks.profile import Profile


class Gate(Job):
    """Decide whether the candidate may be promoted, and write down why.

    Publishes `verdict.json`: candidate, champion, numbers, thresholds, reasons. A refusal goes into the ledger.
    """

    evaluation: OutputId
    limits: Limits
    profile: str

    class Result(JobResult):
        """The verdict in short."""

        verdict: Literal["promote", "refuse"]
        reasons: tuple[dict[str, str], ...]
        candidate: int
        champion: int | None

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's thresholds."""
        return cls(**{"limits": profile.gate, "profile": profile.name, **inputs})

    def run(self, io: JobIO) -> Result:
        """Judge. It refuses by its result, not by failing: the DAG goes on to the report either way."""
        evaluation = io.input("evaluate", self.evaluation)
        scores = evaluation.read_json("scores.json")
        groups = ("classifier", "semseg", "cascade")
        limits = {
            group: {name: Limit(**limit.model_dump()) for name, limit in getattr(self.limits, group).items()}
            for group in groups
        }
        verdict = judge(
            scores["numbers"],
            limits,
            scores["test_photos"],
            self.limits.min_test_photos,
            scores["differences"],
            scores["champion_version"],
        )
        reasons = tuple(asdict(reason) for reason in verdict.reasons)
        decision: Literal["promote", "refuse"] = "promote" if verdict.promote else "refuse"
        document = {
            "decision": decision,
            "reasons": reasons,
            "note": verdict.note,
            "candidate": evaluation.result["candidate"],
            "champion": evaluation.result["champion"],
            "evaluation": self.evaluation,
            "profile": self.profile,
            "judged": [asdict(judged) for judged in verdict.judged],
            "thresholds": self.limits.model_dump(mode="json"),
        }
        (io.out / "verdict.json").write_text(json.dumps(document, indent=1))
        for reason in verdict.reasons:
            io.log(f"gate: {reason.code}: {reason.text}")
        facts = {"version": document["candidate"], "profile": self.profile, "reasons": list(reasons), "key": io.key}
        Ledger(io.store).append(PASSED if verdict.promote else REFUSED, io.key, facts, why=document["note"], once=True)
        return self.Result(
            verdict=decision, reasons=reasons, candidate=document["candidate"], champion=document["champion"]
        )
