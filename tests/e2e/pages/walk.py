"""A walk over the pages of servers that run a demo: seen at two widths, read by axe-core, and used as a person does."""

from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page

from oi_tasks.local import keys
from oi_tasks.local.airflow_api import Airflow
from oi_tasks.overview import look
from oi_tasks.settings import Settings
from tests.e2e.common import check, say
from tests.e2e.pages import axe, browser, reports
from tests.e2e.pages.rights import rights, viewer_tries
from tests.left_out import left_out

LOOKS = ((1280, "light"), (400, "dark"))


def walk(state: Path, pictures: Path) -> None:
    """Check who may do what, then look at every page and use it; keeps a picture of each."""
    lines = keys.read(state / "env")
    airflow = Airflow(lines["OI_AIRFLOW_URL"], lines["OI_AIRFLOW_USER"], lines["OI_AIRFLOW_PASSWORD"])
    run = airflow.last_run("oi_retrain")
    check(run is not None, "a retrain has run")
    assert run is not None
    rights(lines, run)
    if browser.program() is None:
        say(left_out(f"no browser is installed ({', '.join(browser.BROWSERS)}), so the pages are not looked at"))
        return
    if not axe.at_hand():
        say(left_out("there is no npm to fetch axe-core, so the pages are not read by it"))
    pictures.mkdir(parents=True, exist_ok=True)
    ours, theirs = addresses(state, lines, run.id)
    with browser.browser() as running:
        for width, scheme in LOOKS:
            with browser.signed_in(running, lines, width, scheme=scheme) as tab:
                for name, address in (ours | theirs).items():
                    browser.see(tab, name, address, width, pictures)
                    if name in ours and width == LOOKS[0][0]:
                        reports.use(tab, name)
                open_tab(tab, theirs["retrain-run"], width, pictures)
                if width == LOOKS[0][0]:
                    reports.follow(tab, ours["retrain"])
        viewer_tries(running, lines, airflow)


def addresses(state: Path, lines: dict[str, str], run_id: str) -> tuple[dict[str, str], dict[str, str]]:
    """The addresses of our pages, and of those of Airflow and MLflow, by name: of each kind of report the newest."""
    airflow = lines["OI_AIRFLOW_URL"]
    run = quote(run_id, safe="")
    ours = {
        "tab": f"{airflow}/open-images/",
        "tab-of-run": f"{airflow}/open-images/?dag_id=oi_retrain&run_id={run}",
    }
    for page in look(Settings(_env_file=state / "env")).pages:
        ours.setdefault(page.about.replace(" ", "-"), f"{airflow}/open-images/report/{page.place.partition('/')[2]}")
    theirs = {
        "dags": f"{airflow}/dags",
        "ingest": f"{airflow}/dags/oi_ingest",
        "retrain-run": f"{airflow}/dags/oi_retrain/runs/{run}",
        "registry": f"{lines['OI_MLFLOW_URL']}/#/models/oi-cascade",
    }
    return ours, theirs


def open_tab(tab: Page, run: str, width: int, pictures: Path) -> None:
    """The tab on the run's page, opened as a person does; then a report in it, and another from there."""
    tab.goto(run, wait_until="load")
    tab.get_by_role("link", name="Open Images", exact=True).last.click()
    frame = tab.frame_locator("iframe")
    heading = frame.locator("h1")
    heading.wait_for()
    check("hampion" in heading.inner_text(), f"the run's tab shows at {width} pixels: {heading.inner_text()}")
    tab.screenshot(path=pictures / f"tab-in-airflow-{width}.png")
    frame.get_by_role("link", name="retrain", exact=True).first.click()  # its own comes before those of other runs
    frame.get_by_role("heading", name="Retrain: version").wait_for()
    frame.get_by_role("link", name="data quality", exact=True).click()
    frame.get_by_role("heading", name="Data quality", exact=True).wait_for()
    check(True, f"the run's tab at {width} pixels leads to its report, and that to the quality of its data")
