"""The pictures that the README shows, made from servers that run a demo: `python -m tests.e2e.pictures STATE FOLDER`.

One of each main page, as the top of it looks in a window of 1280 by 900 pixels; a WebP of 80 kB at most.
"""

import io
import sys
from pathlib import Path

from PIL import Image

from oi_tasks.local import keys
from oi_tasks.local.airflow_api import Airflow
from oi_tasks.overview import look
from oi_tasks.settings import Settings
from tests.e2e.common import check, say
from tests.e2e.pages import browser
from tests.e2e.pages.walk import addresses

OURS = ("tab", "data-quality", "retrain", "errors")
THEIRS = ("airflow-run", "mlflow-version")
LIMIT = 80_000  # bytes
QUALITIES = range(85, 40, -5)  # of WebP: the best that is small enough


def pictures(state: Path, folder: Path) -> None:
    """Make the pictures."""
    lines = keys.read(state / "env")
    airflow = Airflow(lines["OI_AIRFLOW_URL"], lines["OI_AIRFLOW_USER"], lines["OI_AIRFLOW_PASSWORD"])
    run = airflow.last_run("oi_retrain")
    check(run is not None and browser.program() is not None, "a retrain has run, and there is a browser")
    assert run is not None
    ours, theirs = addresses(state, lines, run.id)
    champion = look(Settings(_env_file=state / "env")).champion
    check(champion is not None, "there is a champion")
    assert champion is not None
    theirs |= {"airflow-run": theirs["retrain-run"], "mlflow-version": champion.page}
    folder.mkdir(parents=True, exist_ok=True)
    with browser.browser() as running, browser.signed_in(running, lines) as tab:
        for name in OURS:
            tab.goto(ours[name], wait_until="networkidle")
            keep(tab.screenshot(), folder / f"{name}.webp")
        for name in THEIRS:
            tab.goto(theirs[name], wait_until="load")
            tab.wait_for_timeout(browser.SETTLE)
            browser.none(browser.covers(tab), f"nothing covers {name}")
            keep(tab.screenshot(), folder / f"{name}.webp")


def keep(picture: bytes, made: Path) -> None:
    """Write a picture as WebP, as good as it can be within the limit."""
    shown = Image.open(io.BytesIO(picture)).convert("RGB")
    for quality in QUALITIES:
        shown.save(made, quality=quality)
        if made.stat().st_size <= LIMIT:
            break
    check(made.stat().st_size <= LIMIT, f"{made}: {made.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        say("usage: python -m tests.e2e.pictures STATE FOLDER: the state folder of running servers, and docs/pictures")
        sys.exit(2)
    pictures(Path(sys.argv[1]), Path(sys.argv[2]))
