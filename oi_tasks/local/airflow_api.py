"""The few calls of Airflow's REST API that following a run, and writing a note on it, need."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from pydantic import BaseModel, ConfigDict, Field
from tenacity import Retrying, retry_if_exception_type, retry_if_result, retry_never, stop_after_delay, wait_fixed
from urllib3.exceptions import HTTPError

from oi_tasks.errors import OiError, Unreachable

PATIENCE = 60.0  # seconds without an answer, such as while it is started anew, until it counts as down
PAGE = 100  # the most that Airflow gives at once
ACTIVE = ("queued", "running")


class Refusal(OiError):
    """Airflow answered, but not with what was asked for."""

    exit_code = 4


class NotYet(OiError):
    """Airflow cannot tell yet."""


class Run(BaseModel):
    """One run of a DAG."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dag_id: str
    id: str = Field(alias="dag_run_id")
    state: str
    run_type: str = ""
    conf: dict[str, Any] | None = None
    note: str | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None

    @property
    def active(self) -> bool:
        """Whether it is still in progress."""
        return self.state in ACTIVE


class Step(BaseModel):
    """One task of a run, or one of the mapped instances of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dag_id: str
    run_id: str = Field(alias="dag_run_id")
    task_id: str
    map_index: int = -1
    rendered_map_index: str | None = None
    state: str | None = None
    try_number: int = 0
    max_tries: int = 0
    start_date: datetime | None = None
    end_date: datetime | None = None

    @property
    def name(self) -> str:
        """The task's name, with the name of the mapped instance if there is one."""
        if self.map_index < 0:
            return self.task_id
        return f"{self.task_id} [{self.rendered_map_index or self.map_index}]"

    @property
    def job(self) -> str:
        """The task's name without the groups it stands in."""
        return self.task_id.rpartition(".")[2]

    @property
    def key(self) -> tuple[str, str, int]:
        """What names this step among all steps followed."""
        return self.dag_id, self.task_id, self.map_index


class Airflow:
    """A connection to Airflow as one of its users. Raises Unreachable when it stays down, Refusal when it says no."""

    def __init__(self, url: str, user: str, password: str, patience: float | None = None) -> None:
        self.url, self._patience = url.rstrip("/"), patience
        self._login = {"username": user, "password": password}
        self._token = ""
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=3, read=30), retries=False)

    def dag_exists(self, dag: str) -> bool:
        """Whether Airflow has read this DAG."""
        return self._send("GET", f"/dags/{dag}").status == 200

    def import_errors(self) -> list[str]:
        """For each DAG file that cannot be read: its name and the last line of the error."""
        errors = self._get("/importErrors")["import_errors"]
        return [f"{said['filename']}: {said['stack_trace'].strip().splitlines()[-1]}" for said in errors]

    def unpause(self, dag: str) -> None:
        """Let a DAG run."""
        self._ask("PATCH", f"/dags/{dag}", json={"is_paused": False})

    def trigger(self, dag: str, conf: dict[str, Any]) -> Run:
        """Start a run."""
        return Run.model_validate(self._ask("POST", f"/dags/{dag}/dagRuns", json={"logical_date": None, "conf": conf}))

    def run(self, dag: str, run_id: str) -> Run:
        """A run as it is now."""
        return Run.model_validate(self._get(f"/dags/{dag}/dagRuns/{quote(run_id, safe='')}"))

    def note(self, dag: str, run_id: str, text: str) -> None:
        """Put a note on a run's page, in place of an earlier one. Airflow takes 1,000 characters."""
        self._ask("PATCH", f"/dags/{dag}/dagRuns/{quote(run_id, safe='')}", json={"note": text})

    def active_runs(self, dag: str) -> list[Run]:
        """The runs still in progress, oldest first."""
        query = [("order_by", "run_after"), ("limit", str(PAGE)), *(("state", state) for state in ACTIVE)]
        return [Run.model_validate(run) for run in self._get(f"/dags/{dag}/dagRuns", query)["dag_runs"]]

    def last_run(self, dag: str) -> Run | None:
        """The run of a DAG that was started last; None if it never ran."""
        runs = self._get(f"/dags/{dag}/dagRuns", [("order_by", "-run_after"), ("limit", "1")])["dag_runs"]
        return Run.model_validate(runs[0]) if runs else None

    def waiting(self) -> list[str]:
        """What waits for a person's answer: the subject of each question."""
        query = [("response_received", "false"), ("limit", str(PAGE))]
        return [str(said["subject"]) for said in self._get("/dags/~/dagRuns/~/hitlDetails", query)["hitl_details"]]

    def default(self, dag: str, param: str) -> Any:
        """The default of a DAG's parameter; None if it has no such parameter."""
        said = (self._get(f"/dags/{dag}/details").get("params") or {}).get(param)
        return said.get("value") if isinstance(said, dict) else said

    def steps(self, run: Run) -> list[Step]:
        """The run's tasks, in the order Airflow gives them, mapped instances one by one."""
        path = f"/dags/{run.dag_id}/dagRuns/{quote(run.id, safe='')}/taskInstances"
        return [Step.model_validate(said) for said in self._pages(path, "task_instances")]

    def value(self, step: Step) -> Any:
        """What a step returned; None if nothing."""
        reply = self._send("GET", f"{self._path(step)}/xcomEntries/return_value", [("map_index", str(step.map_index))])
        return reply.json().get("value") if reply.status == 200 else None

    def log(self, step: Step) -> list[dict[str, Any]]:
        """The log of a step's last try, as Airflow's structured messages; empty if there is none."""
        query = [("map_index", str(step.map_index)), ("full_content", "true")]
        reply = self._send("GET", f"{self._path(step)}/logs/{max(step.try_number, 1)}", query)
        content = reply.json().get("content", []) if reply.status == 200 else []
        return [said if isinstance(said, dict) else {"event": said} for said in content]

    def triggered_by(self, run: Run, dag: str) -> str | None:
        """The id of the run of `dag` that this run's assets started; None while there is none. Raises NotYet."""
        query = [("source_dag_id", run.dag_id), ("source_run_id", run.id), ("limit", str(PAGE))]
        for event in self._events("/assets/events", query):
            for created in event["created_dagruns"]:
                if created["dag_id"] == dag:
                    return str(created["run_id"])
        return None

    def sources(self, run: Run) -> list[dict[str, Any]]:
        """The asset events that started a run. Raises NotYet while the run is queued."""
        return self._events(f"/dags/{run.dag_id}/dagRuns/{quote(run.id, safe='')}/upstreamAssetEvents", [])

    def _events(self, path: str, query: list[tuple[str, str]]) -> list[dict[str, Any]]:
        """Asset events. Airflow 3.3.2 answers 500 while a run that an event created has not begun: NotYet."""
        reply = self._send("GET", path, query, again_on_500=False)
        if reply.status == 500:
            raise NotYet("Airflow shows no asset events while the run that they created is queued", code="airflow")
        return list(self._checked(reply, path)["asset_events"])

    def page(self, step: Step) -> str:
        """The address of a step's page."""
        mapped = f"/mapped/{step.map_index}" if step.map_index >= 0 else ""
        return f"{self.url}/dags/{step.dag_id}/runs/{quote(step.run_id, safe='')}/tasks/{step.task_id}{mapped}"

    @staticmethod
    def _path(step: Step) -> str:
        return f"/dags/{step.dag_id}/dagRuns/{quote(step.run_id, safe='')}/taskInstances/{step.task_id}"

    def _pages(self, path: str, field: str) -> Iterator[Any]:
        """All items of a listing."""
        offset = 0
        while True:
            said = self._get(path, [("limit", str(PAGE)), ("offset", str(offset))])
            yield from said[field]
            offset += len(said[field])
            if not said[field] or offset >= said["total_entries"]:
                return

    def _get(self, path: str, query: list[tuple[str, str]] | None = None) -> Any:
        return self._ask("GET", path, query)

    def _ask(self, method: str, path: str, query: list[tuple[str, str]] | None = None, json: Any = None) -> Any:
        """The JSON answer of a call that must succeed."""
        return self._checked(self._send(method, path, query, json), path)

    @staticmethod
    def _checked(reply: urllib3.BaseHTTPResponse, path: str) -> Any:
        """The JSON of an answer, which must be a good one."""
        if reply.status >= 300:
            detail = " ".join(reply.data.decode(errors="replace").split())[:300]
            raise Refusal(f"Airflow answers {reply.status}: {detail}", where=path, code="airflow")
        return reply.json()

    def _send(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]] | None = None,
        json: Any = None,
        again_on_500: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        """Send a call with a valid token."""
        address = f"{self.url}/api/v2{path}" + (f"?{urlencode(query)}" if query else "")
        for _ in range(2):
            headers = {"Authorization": f"Bearer {self._token or self._new_token()}", "Accept": "application/json"}
            reply = self._patiently(method, address, again_on_500, headers=headers, json=json)
            if reply.status != 401:
                break
            self._token = ""  # it has run out
        return reply

    def _new_token(self) -> str:
        reply = self._patiently("POST", f"{self.url}/auth/token", json=self._login)
        if reply.status != 201:
            raise Refusal(f"Airflow does not take the password (answers {reply.status})", where=self.url, code="login")
        self._token = str(reply.json()["access_token"])
        return self._token

    def _patiently(
        self, method: str, address: str, again_on_500: bool = True, **options: Any
    ) -> urllib3.BaseHTTPResponse:
        """Send a request; while it is not answered, or with a 5xx, again each second, for `PATIENCE` seconds.

        One that starts a run is sent once: repeating it could start a second run.
        """
        no_answer = retry_if_exception_type(HTTPError)
        busy = retry_if_result(lambda reply: again_on_500 and reply.status >= 500)  # such as SQLite being locked
        again = Retrying(
            retry=retry_never if method == "POST" and address.endswith("/dagRuns") else no_answer | busy,
            wait=wait_fixed(1),
            stop=stop_after_delay(PATIENCE if self._patience is None else self._patience),
            retry_error_callback=lambda state: state.outcome and state.outcome.result(),
        )
        try:
            reply: urllib3.BaseHTTPResponse = again(self._http.request, method, address, **options)
            return reply
        except HTTPError as error:
            what, fix = f"Airflow does not answer: {type(error).__name__}", "`make demo` starts it again and goes on"
            raise Unreachable(what, self.url, fix, "airflow_down") from None
