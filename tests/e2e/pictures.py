"""The pictures that the README shows, made from servers that run a demo: `python -m tests.e2e.pictures STATE FOLDER`.

One of each main page, as the top of it looks in a window of 1280 by 900 pixels; a WebP well below 300 kB.
"""

import io
import sys
from pathlib import Path

from PIL import Image

from oi_tasks.local import keys
from oi_tasks.local.airflow_api import Airflow
from tests.e2e.common import check, say
from tests.e2e.pages import browser
from tests.e2e.pages.walk import addresses

SHOWN = ("tab", "data-quality", "retrain", "errors")
LIMIT = 300_000  # bytes
QUALITY = 85


def pictures(state: Path, folder: Path) -> None:
    """Make the pictures."""
    lines = keys.read(state / "env")
    airflow = Airflow(lines["OI_AIRFLOW_URL"], lines["OI_AIRFLOW_USER"], lines["OI_AIRFLOW_PASSWORD"])
    run = airflow.last_run("oi_retrain")
    check(run is not None and browser.program() is not None, "a retrain has run, and there is a browser")
    assert run is not None
    ours, _ = addresses(state, lines, run.id)
    folder.mkdir(parents=True, exist_ok=True)
    with browser.browser() as running, browser.signed_in(running, lines) as tab:
        for name in SHOWN:
            tab.goto(ours[name], wait_until="networkidle")
            made = folder / f"{name}.webp"
            Image.open(io.BytesIO(tab.screenshot())).convert("RGB").save(made, quality=QUALITY)
            check(made.stat().st_size < LIMIT, f"{made}: {made.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        say("usage: python -m tests.e2e.pictures STATE FOLDER: the state folder of running servers, and docs/pictures")
        sys.exit(2)
    pictures(Path(sys.argv[1]), Path(sys.argv[2]))
