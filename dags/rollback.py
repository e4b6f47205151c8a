"""### Bring an earlier champion back

Started by hand, with a form: to which version (the previous champion, if none is named), and why. The version is
loaded in a fresh process first and must answer; then the alias `champion` of `oi-cascade` and those of its parts move
back, and the ledger keeps who asked and the reason. What a gate or a person turned down, and what no longer loads, is
refused.

`oi rollback --reason …` does the same from a terminal. A version that was rolled back does not come back by itself: the
gate refuses it until somebody rolls forward to it again.

**What a run costs**: one load of a model and one answer by it; nothing is trained.
"""

from typing import Any

from airflow.sdk import DAG, Param, task

from forms import profile_param
from jobs import BY_HAND, job, profile
from run_note import note_at_end


@task
def asked(params: dict[str, Any], *, dag_run: Any) -> dict[str, Any]:
    """What the form says, and who filled it in. The run's id makes it one request, however often it is tried."""
    by = params["by"] or getattr(dag_run, "triggering_user_name", None) or "unknown"
    return {"request": dag_run.run_id, "reason": params["reason"], "to": params["to"], "by": by}


with DAG(
    dag_id="oi_rollback",
    dag_display_name="Open Images: roll back",
    description="Bring an earlier champion back, with the reason in the ledger",
    doc_md=__doc__,
    **BY_HAND,
    params={
        "reason": Param(
            type="string",
            minLength=1,
            maxLength=500,
            title="Reason",
            description="why; it stands in the ledger for good",
        ),
        "to": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="To version",
            description="of oi-cascade; empty: the previous champion",
        ),
        "by": Param("", type=["null", "string"], title="Who asks", description="empty: whoever started this run"),
        "profile": profile_param(),
    },
    tags=["open-images", "registry"],
):
    request = asked()
    rolled_back = job(
        "roll_back",
        profile(),
        request=request["request"],
        reason=request["reason"],
        to=request["to"],
        by=request["by"],
    )
    note_at_end(roll_back=rolled_back)
