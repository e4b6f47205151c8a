"""What people see in a browser, over servers that run a demo: `python -m tests.e2e.pages STATE FOLDER`.

Signs in to Airflow, opens the DAGs, the Open Images tab, the reports and the registry, at 1280 and 400 pixels, and keeps
a picture of each in FOLDER. A page that fails to load, logs an error of its own, asks another origin for something, or
is wider than the screen is a fault. Without a Chromium on this machine it says so, and checks the pages' rights alone.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3
from playwright.sync_api import Browser, Page, sync_playwright

from oi_tasks.local import keys
from oi_tasks.local.airflow_api import Airflow
from oi_tasks.overview import look
from oi_tasks.settings import Settings
from tests.e2e.common import check, say

WIDTHS = (1280, 400)
SETTLE = 4000  # milliseconds
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pages(state: Path, pictures: Path) -> None:
    """Check the rights of the tab, then look at every page."""
    lines = keys.read(state / "env")
    rights(lines)
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        say(f"left out: no browser is installed ({', '.join(BROWSERS)}), so the pages are not looked at")
        return
    pictures.mkdir(parents=True, exist_ok=True)
    found = look(Settings(_env_file=state / "env"))
    airflow = lines["OI_AIRFLOW_URL"]
    run = Airflow(airflow, lines["OI_AIRFLOW_USER"], lines["OI_AIRFLOW_PASSWORD"]).last_run("oi_retrain")
    check(run is not None, "a retrain has run")
    assert run is not None
    addresses = {
        "dags": f"{airflow}/dags",
        "ingest": f"{airflow}/dags/oi_ingest",
        "retrain-run": f"{airflow}/dags/oi_retrain/runs/{quote(run.id, safe='')}",
        "tab": f"{airflow}/open-images/",
        "tab-of-run": f"{airflow}/open-images/?dag_id=oi_retrain&run_id={quote(run.id, safe='')}",
        "registry": f"{lines['OI_MLFLOW_URL']}/#/models/oi-cascade",
    }
    for page in found.pages:
        name = page.about.replace(" ", "-")
        addresses.setdefault(name, f"{airflow}/open-images/report/{page.place.partition('/')[2]}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for width in WIDTHS:
            with signed_in(browser, width, airflow, lines) as tab:
                for name, address in addresses.items():
                    see(tab, name, address, width, pictures)
                open_tab(tab, addresses["retrain-run"], width, pictures)
        browser.close()


def rights(lines: dict[str, str]) -> None:
    """Nobody who has not signed in sees the tab or a report; who may read DAGs does."""
    airflow, login = lines["OI_AIRFLOW_URL"], {"username": lines["OI_AIRFLOW_USER"], "password": ""}
    for path in ("/open-images/", "/open-images/report/quality/x.html"):
        status = urllib3.request("GET", airflow + path, retries=False).status
        check(status == 401, f"{path} without signing in: {status}")
    login["password"] = lines["OI_AIRFLOW_PASSWORD"]
    token = urllib3.request("POST", f"{airflow}/auth/token", json=login).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    for path, wanted in (("/open-images/", 200), ("/open-images/report/quality/x.html", 404)):
        status = urllib3.request("GET", airflow + path, headers=headers, retries=False).status
        check(status == wanted, f"{path} signed in: {status}")


@contextmanager
def signed_in(browser: Browser, width: int, airflow: str, lines: dict[str, str]) -> Iterator[Page]:
    """A browser window of that width, signed in to Airflow through its form."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    tab = context.new_page()
    tab.goto(f"{airflow}/auth/login", wait_until="networkidle")
    tab.get_by_label("Username").or_(tab.locator("input[name=username]")).first.fill(lines["OI_AIRFLOW_USER"])
    tab.locator("input[type=password]").fill(lines["OI_AIRFLOW_PASSWORD"])
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url(lambda url: "/auth/login" not in url)
    yield tab
    context.close()


def see(tab: Page, name: str, address: str, width: int, pictures: Path) -> None:
    """Open a page, keep its picture, and check it. The pages of Airflow and MLflow themselves are only looked at."""
    ours = "/open-images/" in address
    errors: list[str] = []
    elsewhere: list[str] = []

    def asked(request: Any) -> None:
        if not request.url.startswith((address.partition("/open-images/")[0], "data:", "blob:")):
            elsewhere.append(request.url)

    def told(message: Any) -> None:
        if message.type == "error":
            errors.append(message.text)

    tab.on("request", asked)
    tab.on("console", told)
    answer = tab.goto(address, wait_until="networkidle" if ours else "load")
    if not ours:
        tab.wait_for_timeout(SETTLE)  # pages of Airflow and MLflow ask again and again, and are never idle
    tab.remove_listener("request", asked)
    tab.remove_listener("console", told)
    tab.screenshot(path=pictures / f"{name}-{width}.png", full_page=ours)
    check(answer is not None and answer.ok, f"{name} at {width} pixels opens")
    if ours:
        check(not elsewhere, f"{name} asks nothing of another place {elsewhere[:1] or ''}".rstrip())
        check(not errors, f"{name} logs no error {errors[:1] or ''}".rstrip())
        too_wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        check(too_wide <= 0, f"{name} fits {width} pixels" if too_wide <= 0 else f"{name} is {too_wide} px too wide")


def open_tab(tab: Page, run: str, width: int, pictures: Path) -> None:
    """The tab of the run's page, opened as a person does."""
    tab.goto(run, wait_until="load")
    tab.get_by_role("link", name="Open Images", exact=True).last.click()
    heading = tab.frame_locator("iframe").locator("h1")
    heading.wait_for()
    check("hampion" in heading.inner_text(), f"the run's tab shows at {width} pixels: {heading.inner_text()}")
    tab.screenshot(path=pictures / f"tab-in-airflow-{width}.png")


if __name__ == "__main__":
    pages(Path(sys.argv[1]), Path(sys.argv[2]))
