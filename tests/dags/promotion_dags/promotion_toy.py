"""An `oi_retrain` with the tasks from the gate to the promotion as the real one has them, on jobs that only say what the
run's form says.
"""

from datetime import timedelta
from typing import Any

import notify
from airflow.sdk import DAG, Param, task
from promotion import promotion
from run_note import note_at_end


def job(name: str, profile: Any, outlets: Any = (), **inputs: Any) -> Any:
    """A task that returns what the form says of the job, and what it was given."""

    @task(task_id=name, outlets=list(outlets))
    def said(given: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        result = params[name] | (answered(given["approval"]) if name == "turn_down" else {})
        return {"id": params["verdict_id"], "reused": False, "result": result, "given": given}

    return said(inputs)


def answered(approval: dict[str, Any]) -> dict[str, str]:
    """Who turned it down, and why, as the real job says it."""
    from oi_tasks.jobs.promote import Approval
    from oi_tasks.jobs.turn_down import reason_of

    answer = Approval.model_validate(approval)
    return {"by": answer.by, "why": reason_of(answer)}


@task
def profile(params: dict[str, Any]) -> dict[str, Any]:
    """The profile, as far as it matters here."""
    return {"promotion": params["promotion"], "approval_hours": params["hours"]}


@task(trigger_rule="none_failed_min_one_success")
def report(verdict: Any, served: Any, turned_down: Any, promoted: Any) -> dict[str, Any]:
    """Where the page stands."""
    return {"id": verdict["id"], "reused": False, "result": {"report": f"oi-reports/runs/{verdict['id']}.html"}}


with DAG(
    dag_id="oi_retrain",
    schedule=None,
    max_active_runs=8,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(seconds=1),
        "on_failure_callback": notify.failed,
    },  # a machine too busy to start a task is no fault
    params={
        "verdict_id": "",
        "reason": "",
        "promotion": "automatic",
        "hours": 24.0,
        "plan": Param({"champion": 1}, type="object"),
        "gate": Param({"verdict": "promote", "candidate": 2, "champion": 1, "reasons": []}, type="object"),
        "serve_check": Param({"verdict": "serves"}, type="object"),
        "promote": Param({"version": 2, "previous": 1}, type="object"),
        "turn_down": Param({"candidate": 2}, type="object"),
    },
):
    chosen = profile()
    verdict = job("gate", chosen)
    planned = job("plan", chosen)
    ends = promotion(job, chosen, planned, verdict)
    page = report(verdict, ends["serve_check"], ends["turn_down"], ends["promote"])
    note_at_end(plan=planned, gate=verdict, report=page, **ends)
