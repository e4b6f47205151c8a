"""The end of a run: one sentence on what happened, written on the run's page by the run's last task.

The same task tells, by the connection `oi_notify`, of a run whose candidate was refused: only here the report exists.

A task cannot write a note by itself, so it asks Airflow's REST API as a user: the connection `oi_airflow` (its host,
port, schema, login and password), else `OI_AIRFLOW_URL`, `OI_AIRFLOW_USER` and `OI_AIRFLOW_PASSWORD`, which the local
servers set. Without either the sentence stands in the task's log alone. Nothing here fails a run.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection, Context, get_current_context, task
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

import notify

if TYPE_CHECKING:
    from oi_tasks.local.airflow_api import Airflow

CONNECTION = "oi_airflow"
PATIENCE = 20.0  # seconds that an Airflow which does not answer is asked again
log = logging.getLogger(__name__)


def note_at_end(**results: Any) -> None:
    """The last task of a DAG. `results`: by job, what its task returns; it comes after all of them, however they end.

    As a teardown it has no say in whether the run counts as failed.
    """
    note(results).as_teardown()


@task
def note(results: dict[str, Any]) -> str:
    """Say what happened, here and on the run's page."""
    context, text = get_current_context(), ""
    said = {
        job: value if value is None or isinstance(value, Mapping) else list(value) for job, value in results.items()
    }
    _tell_refusal(context, said)
    try:
        text = sentence(context, said)
        log.info("%s", text)
        _write(context["ti"].dag_id, context["ti"].run_id, text)
    except Exception as error:  # a note must not fail a run
        log.warning("the run's page gets no note: %s", " ".join(str(error).split()) or type(error).__name__)
    return text


def _tell_refusal(context: Context, said: Mapping[str, Any]) -> None:
    """Tell of a candidate that the gate, the serve check, a person or the time refused, with the run's report."""
    from oi_tasks.reports.note import refusal

    try:
        ti, why = context["ti"], refusal(said)
        if why:
            report = said.get("report") or {"result": {}}
            notify.ended(ti.dag_id, ti.run_id, why, str(report["result"].get("report", "")))
    except Exception as error:  # whoever is to be told must not stop the run
        log.warning("the refusal is not told: %s", " ".join(str(error).split()) or type(error).__name__)


def sentence(context: Context, said: Mapping[str, Any]) -> str:
    """What happened in this run."""
    from oi_tasks.reports.note import run_note

    ti = context["ti"]
    asked = str(context["params"].get("reason") or "")
    return run_note(ti.dag_id, said, dict(_failures(context)), asked)


def _failures(context: Context) -> Iterator[tuple[str, str]]:
    """The tasks that failed, and why."""
    ti, dag = context["ti"], context["dag"]
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    failed = {name for name, state in states.items() if state == "failed"}
    for task_id in dag.task_ids:
        # A mapped instance is told as the task's id and its number.
        if any(
            name == task_id or (name.startswith(f"{task_id}_") and name[len(task_id) + 1 :].isdigit())
            for name in failed
        ):
            why = ti.xcom_pull(task_ids=task_id, key=notify.FAULT)
            yield task_id, str((why[-1] if isinstance(why, list) and why else why) or "")


def _write(dag_id: str, run_id: str, text: str) -> None:
    airflow = _airflow()
    if airflow is None:
        log.info("the run's page gets no note: there is no connection %s, and no OI_AIRFLOW_URL", CONNECTION)
        return
    airflow.note(dag_id, run_id, text)


def _airflow() -> "Airflow | None":
    """Airflow as the user that the connection or the settings name."""
    from oi_tasks.local.airflow_api import Airflow
    from oi_tasks.settings import settings

    try:
        found = Connection.get(CONNECTION)
    except (AirflowNotFoundException, AirflowRuntimeError):
        own = settings()
        password = own.airflow_password.get_secret_value()
        return Airflow(own.airflow_url, own.airflow_user, password, PATIENCE) if own.airflow_url else None
    url = f"{found.schema or 'http'}://{found.host}" + (f":{found.port}" if found.port else "")
    return Airflow(url + str(found.extra_dejson.get("path", "")), found.login or "", found.password or "", PATIENCE)
