"""From the gate to the promotion: the serve check, a person's answer where the profile asks for one, and the move.

The person answers on Airflow's own page of required actions. Their answer comes back as plain words for the ledger.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Asset, Context, Param, task
from oi_tasks.errors import coded

import notify

PROMOTE, SERVES = "promote", "serves"  # the verdicts of the gate and of the serve check that let a candidate on
CHAMPION = Asset("oi_champion", uri="oi://champion")
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

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Keep the answer first: a refusal skips what follows by an exception, and returns nothing."""
        if "error" not in event:
            context["ti"].xcom_push(key="answer", value=answer_of(event))
        return super().execute_complete(context, event)


@task.short_circuit(ignore_downstream_trigger_rules=False)
def passed(verdict: dict[str, Any]) -> bool:
    """Whether the gate lets the candidate through; if not, promotion is skipped and the report still written."""
    reasons = [f"{reason['code']}: {reason['text']}" for reason in verdict["result"]["reasons"]]
    print(*reasons, sep="\n")
    return bool(verdict["result"]["verdict"] == PROMOTE)


@task.branch
def ask(
    profile: dict[str, Any], planned: dict[str, Any], verdict: dict[str, Any], served: dict[str, Any], *, ti: Any
) -> str:
    """Whether a person is to be asked; what they need to know is written here."""
    if planned["result"]["champion"] == verdict["result"]["candidate"]:
        print(f"nothing new: version {verdict['result']['candidate']} is the champion already")
        return "decide"
    if profile.get("promotion", "automatic") == "automatic" or served["result"]["verdict"] != SERVES:
        return "decide"
    from oi_tasks.reports.approval import approval_text

    ti.xcom_push(key="body", value=approval_text(verdict["id"], notify.open_images(ti.dag_id, ti.run_id)))
    return "approve"


@task.branch(trigger_rule="none_failed")
def decide(*, ti: Any) -> str | None:
    """Go on to the promotion, or enter that a person, or the time, said no."""
    asked, answer = ti.xcom_pull(task_ids="ask") == "approve", ti.xcom_pull(task_ids="approve", key="answer")
    if asked and not answer:
        what = "a person was asked, and their answer cannot be read: nothing is promoted"
        raise RuntimeError(coded(what, "not_approved"))
    answer = answer or AUTOMATIC
    ti.xcom_push(key="approval", value=answer)
    return next_step(ti.xcom_pull(task_ids="serve_check"), answer)


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
    """Which job comes next: `promote`, `turn_down`, or none where the candidate did not get so far."""
    if served is None or served["result"]["verdict"] != SERVES:
        return None
    return "promote" if answer["answer"] in ("automatic", "approve") else "turn_down"


def promotion(job: Callable[..., Any], profile: Any, planned: Any, verdict: Any) -> dict[str, Any]:
    """The tasks after the gate; returns the results of those that are jobs. `job` makes the task of a job."""
    served = job("serve_check", profile, verdict=verdict)
    passed(verdict) >> served
    asked = ask(profile, planned, verdict, served)
    approve = ApprovePromotion(
        task_id="approve",
        profile=profile,
        subject="Promote version {{ ti.xcom_pull(task_ids='gate')['result']['candidate'] }} of oi-cascade?",
        body="{{ ti.xcom_pull(task_ids='ask', key='body') }}",
        params={
            "comment": Param(
                "", type=["null", "string"], title="Comment", description="stands in the ledger with your name"
            )
        },
    )
    decided = decide()
    asked >> approve >> EmptyOperator(task_id="approved") >> decided  # a refusal skips what follows it directly
    asked >> decided
    approval = decided["approval"]
    turned_down = job("turn_down", profile, verdict=verdict, approval=approval)
    promoted = job("promote", profile, outlets=[CHAMPION], verdict=verdict, served=served, approval=approval)
    return {"serve_check": served, "turn_down": turned_down, "promote": promoted}
