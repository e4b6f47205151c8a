"""The Open Images tab on DAG and run pages, and in the menu.

Behind Airflow's own login: who may read the DAGs sees it, nobody else. Reports are shown in a sandbox of their own
origin, so that a page can do nothing in Airflow's name.
"""

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.api_fastapi.app import API_ROOT_PATH, get_auth_manager
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from oi_tasks.reports.overview import Question

PREFIX = "/open-images"
BELOW = API_ROOT_PATH.removesuffix("/")  # the path that `[api] base_url` says Airflow stands below; mostly none
SANDBOX = (
    "sandbox allow-scripts allow-popups; default-src 'none'; img-src data:;"
    " style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)

app = FastAPI(title="Open Images", dependencies=[Depends(requires_access_dag(method="GET"))], openapi_url=None)


@app.exception_handler(HTTPException)
async def refuse(request: Request, refusal: HTTPException) -> Response:
    """Say no, but have a page that a report in the tab's frame links to asked for once more.

    A report's sandbox is an origin of its own, so inside a frame the browser sends no cookie with what its links ask
    for. The answer holds nothing but the wish to ask again, which then comes from here, with the cookie of whoever has
    signed in.
    """
    headers = request.headers
    of_report = headers.get("sec-fetch-dest") == "iframe" and headers.get("sec-fetch-site") == "cross-site"
    if refusal.status_code == 401 and of_report and "again" not in request.query_params:
        return HTMLResponse('<meta http-equiv="refresh" content="0; url=?again=1">', 401)
    return await http_exception_handler(request, refusal)


@app.get("/")
def overview(user: GetUserDep, dag_id: str = "", run_id: str = "") -> HTMLResponse:
    """How things stand; on a run's page, with that run's reports first."""
    from oi_tasks.overview import look
    from oi_tasks.reports.overview import overview_page
    from oi_tasks.settings import settings

    waiting = questions(get_auth_manager().get_authorized_dag_ids(user=user, method="GET"))
    return HTMLResponse(overview_page(look(settings(), dag_id, run_id), _address, run_id, waiting, BELOW))


def questions(dags: set[str]) -> "tuple[Question, ...] | None":
    """What waits for a person's answer in these DAGs, oldest first; None where Airflow's database does not tell.

    The API server, where plugins run, has the database at hand; its REST API would want somebody's password.
    """
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState
    from oi_tasks.reports.overview import Question
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    asked = (
        select(HITLDetail, TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id)
        .join(TaskInstance, HITLDetail.ti_id == TaskInstance.id)
        .where(TaskInstance.state == TaskInstanceState.AWAITING_INPUT, HITLDetail.responded_at.is_(None))
        .where(TaskInstance.dag_id.in_(dags))
        .order_by(HITLDetail.created_at)
    )
    try:
        with create_session(scoped=False) as session:
            return tuple(
                Question(asks.subject, _where_to_answer(*task), asks.created_at)
                for asks, *task in session.execute(asked).all()
            )
    except SQLAlchemyError:
        return None


def _where_to_answer(dag_id: str, run_id: str, task_id: str) -> str:
    """The page of required actions of a task."""
    return f"{BELOW}/dags/{dag_id}/runs/{quote(run_id, safe='')}/tasks/{task_id}/required_actions"


@app.get("/report/{key:path}")
def report(key: str) -> Response:
    """A report, read from the store. Answers 404 where there is none, 503 when the store does not answer."""
    from oi_tasks.errors import OiError
    from oi_tasks.io.store import REPORTS, NotFound, Store
    from oi_tasks.settings import settings

    try:
        page = Store(settings(), tries=0).get_bytes(REPORTS, key)
    except OiError as error:
        return PlainTextResponse(error.line, 404 if isinstance(error, NotFound) else 503)
    return HTMLResponse(page, headers={"Content-Security-Policy": SANDBOX})


@app.get("/of")
def of_task(dag_id: str, run_id: str, task_id: str, what: str, map_index: int = -1) -> Response:
    """To the page of a task, or to its run in MLflow: where a link on the task's page leads.

    Answers 404 while there is none yet, 503 when the store or MLflow does not answer.
    """
    from oi_tasks.errors import OiError
    from oi_tasks.results import result_key
    from oi_tasks.settings import settings
    from oi_tasks.task_pages import mlflow_page_of, page_of

    key = result_key(dag_id, run_id, task_id, map_index)
    try:
        if what == "mlflow":
            address = mlflow_page_of(settings(), key)
        else:
            place = page_of(settings(), key, what)
            address = None if place is None else _address(place)
    except OiError as error:
        return PlainTextResponse(error.line, 503)
    if address is None:
        told = f"{task_id} of the run {run_id} has nothing to show here yet: open this again once it has got that far"
        return PlainTextResponse(told, 404)
    return RedirectResponse(address)


def _address(place: str) -> str:
    """Where this app shows a report, given as `bucket/key`."""
    return f"{BELOW}{PREFIX}/report/{quote(place.partition('/')[2])}"


def _view(destination: str, query: str = "") -> dict[str, str]:
    return {
        "name": "Open Images",
        "href": f"{BELOW}{PREFIX}/{query}",
        "destination": destination,
        "url_route": f"open-images-{destination}",  # Airflow leaves out a view whose route is taken
    }


class OpenImages(AirflowPlugin):  # type: ignore[misc]
    """Adds the tab."""

    name = "open_images"
    fastapi_apps = [{"app": app, "url_prefix": PREFIX, "name": "Open Images"}]  # noqa: RUF012 - Airflow's interface
    external_views = [  # noqa: RUF012
        _view("nav"),
        _view("dag", "?dag_id={DAG_ID}"),
        _view("dag_run", "?dag_id={DAG_ID}&run_id={RUN_ID}"),
    ]
