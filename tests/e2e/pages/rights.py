"""Who sees what, and who may do what: nobody, the viewer and the admin, asked for by the interfaces themselves."""

from collections.abc import Mapping
from urllib.parse import quote

import urllib3
from playwright.sync_api import Browser

from oi_tasks.local.airflow_api import Airflow, Run
from tests.e2e.common import check
from tests.e2e.pages.browser import ADMIN, VIEWER, signed_in

TAB = ("/open-images/", "/open-images/report/quality/x.html", "/open-images/of?dag_id=a&run_id=b&task_id=c&what=report")
BUCKETS = ("oi-raw", "oi-data", "oi-work", "oi-ledger", "mlflow")  # only oi-reports is for a browser


def rights(lines: Mapping[str, str], run: Run) -> None:
    """Ask as nobody, as the viewer and as the admin. `run` is one that has ended."""
    airflow, viewer = lines["OI_AIRFLOW_URL"], _token(lines, VIEWER)
    shown = ("/api/v2/dags", f"/api/v2/dags/{run.dag_id}/dagRuns", "/api/v2/importErrors")
    for path in (*TAB, *shown):
        check(_status("GET", airflow + path) == 401, f"nobody sees {path}")
    for who, token in (("the viewer", viewer), ("the admin", _token(lines, ADMIN))):
        for path, wanted in ((TAB[0], 200), (TAB[1], 404), *((path, 200) for path in shown)):
            found = _status("GET", airflow + path, token)
            check(found == wanted, f"{who} asks for {path}: {found}")
    for method, path, body in changes(run):
        for who, token, refusal in (("nobody", "", 401), ("the viewer", viewer, 403)):
            found = _status(method, airflow + path, token, body)
            check(found == refusal, f"{who} is refused {method} {path}: {found}")
    for bucket in BUCKETS:
        found = _status("GET", f"{lines['OI_STORE_ENDPOINT']}/{bucket}")
        check(found == 403, f"nobody sees the bucket {bucket}: {found}")


def changes(run: Run) -> list[tuple[str, str, object]]:
    """What would change something: method, path, body."""
    dag = f"/api/v2/dags/{run.dag_id}"
    one = f"{dag}/dagRuns/{quote(run.id, safe='')}"
    return [
        ("POST", f"{dag}/dagRuns", {"logical_date": None, "conf": {}}),
        ("POST", "/api/v2/dags/oi_rollback/dagRuns", {"logical_date": None, "conf": {"reason": "no right to"}}),
        ("PATCH", dag, {"is_paused": True}),
        ("DELETE", dag, None),
        ("PATCH", one, {"note": "changed"}),
        ("DELETE", one, None),
        ("POST", f"{dag}/clearTaskInstances", {"dry_run": False, "dag_run_id": run.id}),
        ("PATCH", f"{one}/taskInstances/approve/-1/hitlDetails", {"chosen_options": ["Approve"], "params_input": {}}),
        ("POST", "/api/v2/connections", {"connection_id": "mine", "conn_type": "http"}),
        ("POST", "/api/v2/variables", {"key": "mine", "value": "1"}),
        ("POST", "/api/v2/pools", {"name": "mine", "slots": 1}),
    ]


def viewer_tries(browser: Browser, lines: Mapping[str, str], airflow: Airflow) -> None:
    """In the browser the viewer sees the tab, and a press on Trigger starts nothing."""
    before = airflow.last_run("oi_rollback")
    with signed_in(browser, lines, who=VIEWER) as tab:
        tab.goto(f"{lines['OI_AIRFLOW_URL']}/open-images/")
        check("hampion" in tab.locator("h1").inner_text(), f"the viewer sees the tab: {tab.locator('h1').inner_text()}")
        tab.goto(f"{lines['OI_AIRFLOW_URL']}/dags/oi_rollback")
        trigger = tab.get_by_role("button", name="Trigger").first
        trigger.wait_for()
        if trigger.is_enabled():
            trigger.click()
            reason = tab.get_by_role("dialog").locator("[name=element_reason]")
            reason.fill("I may not")
            tab.get_by_role("dialog").get_by_role("button", name="Trigger").click()
            tab.get_by_text("Forbidden").first.wait_for()
    check(airflow.last_run("oi_rollback") == before, "what the viewer triggers does not start")


def _token(lines: Mapping[str, str], who: tuple[str, str]) -> str:
    login = {"username": lines[who[0]], "password": lines[who[1]]}
    return str(urllib3.request("POST", f"{lines['OI_AIRFLOW_URL']}/auth/token", json=login).json()["access_token"])


def _status(method: str, address: str, token: str = "", body: object = None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return urllib3.request(method, address, headers=headers, json=body, retries=False).status
