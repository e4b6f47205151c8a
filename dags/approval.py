"""A person's answer: asked in Airflow's own page of required actions, and read again as plain words for the ledger."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context, Param

from jobs import PASSED_BY_GATE

COMMENT = Param("", type="string", title="Comment", description="stands in the ledger with your name")
AUTOMATIC = {"answer": "automatic", "by": "", "at": "", "comment": ""}


class ApprovePromotion(ApprovalOperator):
    """Asks whether to promote; no worker waits meanwhile. Who does not answer in the profile's time has refused."""

    template_fields = (*ApprovalOperator.template_fields, "profile")

    def __init__(self, *, profile: Any, **kwargs: Any) -> None:
        super().__init__(defaults=self.REJECT, **kwargs)
        self.profile = profile

    def execute(self, context: Context) -> Any:
        """Ask, for as long as the profile says."""
        self.response_timeout = timedelta(hours=self.profile["approval_hours"])
        return super().execute(context)


def answer_of(response: Any) -> dict[str, str]:
    """What a person answered, who, when and what they wrote; without a response nobody was asked."""
    if not response:
        return AUTOMATIC
    user = response.get("responded_by_user") or {}
    at = response.get("responded_at")
    return {
        "answer": str(response["chosen_options"][0]).lower(),
        "by": str(user.get("name") or user.get("id") or ""),
        "at": at.isoformat(timespec="seconds") if hasattr(at, "isoformat") else str(at or ""),
        "comment": str((response.get("params_input") or {}).get("comment") or ""),
    }


def next_step(served: dict[str, Any] | None, answer: dict[str, str]) -> str | None:
    """Which job comes after the gate: `promote`, `turn_down`, or none where the candidate did not get so far."""
    if served is None or served["result"]["verdict"] != PASSED_BY_GATE["serve_check"]:
        return None
    return "promote" if answer["answer"] in ("automatic", "approve") else "turn_down"
