"""What people decide, in a browser: `python -m tests.e2e.decisions [STATE FOLDER]`.

On servers of its own, or on those of STATE, whose demo has a champion and whose OI_PROFILES names a folder with what
`write_profiles` writes. The trigger forms refuse wrong values in words and start what is right; of two candidates one is
approved and one rejected, on Airflow's page of required actions; the champion is rolled back by the form; and its alias,
moved by hand in the registry, is seen by `oi_watch`, in the ledger and on the Open Images tab. FOLDER keeps pictures.
"""

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from playwright.sync_api import Page

from oi_tasks.core.ledger import MOVED, REJECTED, Entry
from oi_tasks.io.ledger import Ledger
from oi_tasks.io.store import Store
from oi_tasks.io.tracking import Tracking
from oi_tasks.local import keys, services
from oi_tasks.local.addresses import Addresses
from oi_tasks.local.airflow_api import Airflow, NotYet, Run
from oi_tasks.profile import load_profile
from oi_tasks.settings import Settings
from tests.e2e.common import check, demo, say
from tests.e2e.pages import browser, registry
from tests.e2e.pages.forms import Form, answer

CASCADE = "oi-cascade"
ASKED = {"asked": 2, "asked-again": 3}  # profiles, and how many epochs make their classifiers differ
PATIENCE = 25 * 60.0  # seconds that a run may take on a busy machine


def write_profiles(folder: Path) -> None:
    """Two profiles that train briefly, pass a gate of no height, and ask a person."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, epochs in ASKED.items():
        made: dict[str, Any] = load_profile("demo").model_dump(mode="json") | {"name": name, "promotion": "approval"}
        made["gate"] = {"classifier": {"macro_f1": {"floor": 0.0, "may_lose": 1.0}}}
        made["classifier"] |= {"epochs": {"frozen": 0, "unfrozen": epochs}}
        made["semseg"] |= {"epochs": {"frozen": 0, "unfrozen": 1}}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(made))


class Decisions:
    """The browser's page, and the servers to ask what came of it."""

    def __init__(self, state: Path, tab: Page, pictures: Path) -> None:
        self.lines: Mapping[str, str] = keys.read(state / "env")
        self.tab, self.pictures = tab, pictures
        found = Settings(_env_file=state / "env")
        self.tracking, self.ledger = Tracking(found), Ledger(Store(found))
        lines = self.lines
        self.airflow = Airflow(lines["OI_AIRFLOW_URL"], lines["OI_AIRFLOW_USER"], lines["OI_AIRFLOW_PASSWORD"])

    def champion(self) -> int | None:
        """Who is champion, as the registry says."""
        return self.tracking.alias(CASCADE, "champion")

    def newest(self) -> Entry:
        """The ledger's newest entry."""
        return self.ledger.entries()[-1]

    def ended(self, run: Run, state: str = "success") -> Run:
        """The run, once it is over."""
        until(lambda: not self.airflow.run(run.dag_id, run.id).active, f"{run.dag_id} ends")
        run = self.airflow.run(run.dag_id, run.id)
        check(run.state == state, f"{run.dag_id} ends in {run.state}: {run.note}")
        return run

    def forms(self) -> None:
        """Wrong values are refused in words: by the form, or by the first task, in the run's note."""
        Form(self.tab, self.lines, "oi_rollback").refused("This field is required")
        for dag, values, words in (
            ("oi_ingest", {"profile": "no-such"}, "'no-such' is not one of"),
            ("oi_retrain", {"clusters": "fish"}, "'fish' is not of type"),
        ):
            form = Form(self.tab, self.lines, dag)
            form.as_json(values)
            form.refused(words)
            self.keep(f"refused-{dag}")
        form = Form(self.tab, self.lines, "oi_ingest")
        form.fill("source", "https://example.org/release")
        run = self.ended(form.press(), "failed")
        check("a web address is no folder" in (run.note or ""), "what only a run can know stands in its note")

    def candidate(self, profile: str, option: str, comment: str) -> int | None:
        """Bring a candidate as far as the question, by the form, and answer it. Returns who is champion then."""
        form = Form(self.tab, self.lines, "oi_ingest")
        form.choose("profile", profile)
        form.fill("reason", f"a candidate of {profile}")
        ingest = self.ended(form.press())
        retrain = Run.model_validate({"dag_id": "oi_retrain", "dag_run_id": self.started(ingest), "state": "running"})
        until(self.airflow.waiting, f"a person is asked about the candidate of {profile}")
        answer(self.tab, self.lines, retrain, option, comment)
        self.ended(retrain)
        self.keep(f"answered-{option.lower()}")
        return self.champion()

    def started(self, ingest: Run) -> str:
        """The id of the retrain that an ingest's dataset started."""
        found: list[str] = []

        def look() -> bool:
            with suppress(NotYet):
                found.extend(filter(None, [self.airflow.triggered_by(ingest, "oi_retrain")]))
            return bool(found)

        until(look, "the dataset starts a retrain")
        return found[0]

    def roll_back(self, wanted: int | None) -> None:
        """Back to the earlier champion, by the form."""
        form = Form(self.tab, self.lines, "oi_rollback")
        form.fill("reason", "the new one was only a try")
        self.ended(form.press())
        check(self.champion() == wanted, f"the form brings version {wanted} back")
        entry = self.newest()
        check((entry.why, entry.by) == ("the new one was only a try", "admin"), "the ledger says why, and who asked")

    def move_by_hand(self, version: int) -> None:
        """Move the alias past all of this, on the registry's page, and have it seen."""
        registry.move_alias(self.tab, self.lines, version, "champion", self.pictures)
        check(self.champion() == version, f"the alias is moved to version {version} on the registry's page")
        self.ended(Form(self.tab, self.lines, "oi_watch").press())
        entry = self.newest()
        check((entry.event, entry.version) == (MOVED, version), f"the ledger says: {entry.event}, {entry.version}")
        self.tab.goto(f"{self.lines['OI_AIRFLOW_URL']}/open-images/")
        seen = re.compile(rf"version {version} became champion .*moved by hand in MLflow")
        self.tab.get_by_text(seen).first.wait_for()
        check(self.tab.locator("h1").inner_text() == f"Champion: version {version}", "the tab shows the move")
        self.keep("tab-after-move", full_page=True)

    def keep(self, name: str, full_page: bool = False) -> None:
        """Keep a picture."""
        self.tab.screenshot(path=self.pictures / f"{name}.png", full_page=full_page)


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not (held := condition()) and time.monotonic() < end:
        time.sleep(2)
    check(bool(held), what)


def decide(state: Path, pictures: Path) -> None:
    """All of it, on servers that run and have a champion."""
    check(browser.program() is not None, f"a browser is installed: one of {', '.join(browser.BROWSERS)}")
    pictures.mkdir(parents=True, exist_ok=True)
    with browser.browser() as running, browser.signed_in(running, keys.read(state / "env")) as tab:
        found = Decisions(state, tab, pictures)
        first = found.champion()
        check(first is not None, f"the champion is version {first}")
        found.forms()
        second = found.candidate("asked", "Approve", "looks fine")
        check(second not in (None, first), f"approved: the champion is version {second}")
        promoted = found.newest()
        said = (promoted.version, promoted.by, "looks fine" in str(promoted.plain()))
        check(said == (second, "admin", True), "the ledger says who approved, and what they wrote")
        check(found.candidate("asked-again", "Reject", "not this one") == second, "rejected: the champion stays")
        check(found.newest().event == REJECTED, "the ledger says that it was rejected")
        assert second is not None
        registry.read_card(tab, found.lines, second, pictures)
        found.roll_back(first)
        found.move_by_hand(second)


def main() -> None:
    if len(sys.argv) == 3:
        decide(Path(sys.argv[1]), Path(sys.argv[2]))
        return
    if len(sys.argv) != 1:
        say("usage: python -m tests.e2e.decisions [STATE FOLDER]")
        sys.exit(2)
    with tempfile.TemporaryDirectory(prefix="oi-e2e-") as folder:
        state, own = Path(folder) / "state", Path(folder) / "profiles"
        write_profiles(own)
        environment = os.environ | Addresses.free().lines() | {"OI_STATE": str(state), "OI_PROFILES": str(own)}
        environment |= {"OI_ENV_FILE": str(state / "env")}
        try:
            status, seconds = demo("demo", environment)
            check(status == 0, f"demo: a model was promoted, after {seconds:.0f} s")
            decide(state, Path(folder) / "pictures")
        finally:
            services.stop(state)


if __name__ == "__main__":
    main()
