"""Tell somebody that a step failed, a candidate is not promoted, or a run takes too long.

By the Airflow connection `oi_notify`, whose type says how: `http` or `slackwebhook`: the text is posted to its address
as `{"text": …}`, as Slack's and most others' incoming webhooks take it. `smtp` or `email`: a mail to the address in its
extra field `to`. Whoever does not answer, or is busy, is asked again for some seconds. Without a connection the text
stands in the task's log alone. What cannot be told is logged, and fails nothing.
"""

import json
import logging
import smtplib
from datetime import timedelta
from email.message import EmailMessage
from typing import Any
from urllib.parse import quote, urlencode

from airflow.sdk import Connection, Context
from airflow.sdk.configuration import conf
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError
from oi_tasks.results import TOLD, airflow_page, result_key
from oi_tasks.settings import settings
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential
from urllib3.exceptions import HTTPError

CONNECTION = "oi_notify"
PATIENCE = 10.0  # seconds
TRIES, PAUSE = 4, 1.0  # the second after so many seconds, each later one after twice as many
BUSY = {429, 500, 502, 503, 504}  # statuses of a web server that may pass
FAULT = "fault"  # the XCom in which a task that failed leaves why
TAB = "/open-images"  # dags/plugins answers there
log = logging.getLogger(__name__)


class NotNow(OSError):
    """Whoever is to be told cannot take it now."""


def tell(text: str) -> None:
    """Tell it, and log it either way."""
    log.warning("%s", text)
    try:
        connection = Connection.get(CONNECTION)
    except (AirflowNotFoundException, AirflowRuntimeError):
        return
    try:
        send = _mail if connection.conn_type in ("smtp", "email") else _post
        # An answer that was lost on its way makes it told twice: better than never.
        passing = retry_if_exception_type((NotNow, HTTPError, ConnectionError, TimeoutError))
        pause = wait_exponential(multiplier=PAUSE)
        Retrying(stop=stop_after_attempt(TRIES), wait=pause, retry=passing, reraise=True)(send, connection, text)
    except Exception as error:  # whoever is to be told must not stop the run
        log.warning("%s cannot be told: %s: %s", CONNECTION, type(error).__name__, " ".join(str(error).split()))


def failed(context: Context) -> None:
    """Called by Airflow when a task has failed for good. The run's note, which comes last, says why, too."""
    ti, error = context["ti"], " ".join(str(context.get("exception") or "").split())
    try:
        ti.xcom_push(key=FAULT, value=error)
    except Exception as problem:  # a task that was killed has no way left to leave it
        log.info("the note will not say why: %s", type(problem).__name__)
    said = f"{ti.dag_id}: the step {ti.task_id} failed: {error or 'its log says why'} (run {ti.run_id})"
    tell("\n".join([said, *addresses(ti.dag_id, ti.run_id)]))


def ended(dag_id: str, run_id: str, sentence: str, report: str = "") -> None:
    """Tell, once for a run, how it ended; `report` is its page, as `bucket/key`.

    The mark is set first: a task that is tried again, or cleared, does not tell twice.
    """
    try:
        first = _mark(f"{TOLD}{dag_id}/{run_id}")
    except Exception as error:  # better twice than never
        log.warning("whether it was told cannot be known: %s", " ".join(str(error).split()))
        first = True
    if first:
        tell("\n".join([f"{dag_id}: {sentence} (run {run_id})", *addresses(dag_id, run_id, report)]))


def addresses(dag_id: str, run_id: str, report: str = "") -> list[str]:
    """Lines that lead on: to a report, or else to all reports of the run there are; and to the run in Airflow.

    By the address that Airflow knows itself under (`[api] base_url`), else `OI_AIRFLOW_URL`. Without either only a
    report has an address, the store's.
    """
    airflow = _airflow()
    if not airflow:
        return [f"report: {settings().store_endpoint}/{quote(report)}"] if report else []
    told = f"report: {airflow}{TAB}/report/{quote(report.partition('/')[2])}"
    return [
        told if report else f"reports: {open_images(dag_id, run_id)}",
        f"run: {airflow_page(airflow, result_key(dag_id, run_id, ''))}",
    ]


def open_images(dag_id: str, run_id: str) -> str:
    """Where the Open Images tab shows the reports of a run; a path within Airflow where its address is not known."""
    return f"{_airflow()}{TAB}/?{urlencode({'dag_id': dag_id, 'run_id': run_id})}"


def _airflow() -> str:
    return str(conf.get("api", "base_url", fallback="") or settings().airflow_url).rstrip("/")


def _mark(key: str) -> bool:
    """Whether the mark was not there before."""
    from oi_tasks.io.store import WORK, Store

    return Store(settings()).put_if_absent(WORK, key, b"")


def must_end_within(hours: float) -> DeadlineAlert:
    """Tell it, once, when a run has not ended so many hours after it was queued. The run goes on."""
    callback = SyncCallback(late, kwargs={"hours": hours})
    return DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=hours), callback)


def late(context: Any, hours: float) -> None:
    """Called by Airflow, in a process of its own, for a run that has not ended in time."""
    run = context["dag_run"]
    tell(f"{run['dag_id']}: the run {run['dag_run_id']} has not ended within {hours:g} hours; it goes on")


def _post(connection: Any, text: str) -> None:
    import urllib3

    address = f"{connection.schema or 'https'}://{connection.host}"
    address += f":{connection.port}" if connection.port else ""
    extra = connection.extra_dejson
    address += str(extra.get("path", "") or connection.password or "")  # a webhook's path is its secret
    body = json.dumps({"text": text}).encode()
    headers = {"Content-Type": "application/json"}
    once = urllib3.Retry(connect=0, read=0, redirect=2)
    reply = urllib3.request("POST", address, body=body, headers=headers, timeout=PATIENCE, retries=once)
    if reply.status >= 300:
        raise (NotNow if reply.status in BUSY else OSError)(f"status {reply.status}")


def _mail(connection: Any, text: str) -> None:
    extra = connection.extra_dejson
    message = EmailMessage()
    message["Subject"], message["To"] = text.partition("\n")[0][:120], extra["to"]
    message["From"] = extra.get("from") or connection.login or extra["to"]
    message.set_content(text)
    with smtplib.SMTP(connection.host, connection.port or 25, timeout=PATIENCE) as server:
        if extra.get("starttls"):
            server.starttls()
        if connection.login and connection.password:
            server.login(connection.login, connection.password)
        server.send_message(message)
