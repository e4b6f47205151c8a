"""The whole chain on real photos, through a real Airflow, MLflow and MinIO: `python -m tests.e2e.real_photos`.

Ingests the release of real photos beside the checkout, trains a classifier of all its classes and two segmentation
clusters, and promotes the cascade; runs again with nothing new; then trains a worse candidate on purpose, which the
gate must refuse while the champion stays where it is. Without the photos the drawn demo takes their place, and the
script says so. On what came of it people then work in a browser (`tests.e2e.pages`, `tests.e2e.decisions`); pictures
of all that they see are kept in OI_PICTURES, else in build/pictures.
"""

import os
import tempfile
from pathlib import Path

import yaml

from oi_tasks.io.tracking import Tracking
from oi_tasks.local import keys, services
from oi_tasks.local.addresses import Addresses
from oi_tasks.local.airflow_api import Airflow
from oi_tasks.profile import load_profile
from oi_tasks.settings import Settings
from tests.e2e import decisions
from tests.e2e.common import CHECKOUT, SHARED, check, demo, say
from tests.e2e.pages import browser, walk
from tests.left_out import left_out

RELEASES = SHARED / "data"
PICTURES = Path(os.environ.get("OI_PICTURES", CHECKOUT / "build" / "pictures"))
REFUSED = 3


def worse(profile: str) -> dict:
    """The profile trained badly on purpose: one epoch, at a rate that breaks what was learnt."""
    made = load_profile(profile).model_dump(mode="json")
    made["name"] = "worse"
    epochs = made["classifier"]["epochs"]
    made["classifier"] |= {"epochs": {name: min(1, length) for name, length in epochs.items()}, "rate": 30.0}
    made["semseg"] |= {"epochs": {"frozen": 1, "unfrozen": 0}}
    return made


def main() -> None:
    profile, classes, clusters = "real-photos", 67, {"fish", "airplane"}
    if not RELEASES.is_dir():
        say("left out: there is no shared/data beside the checkout; the drawn demo takes the place of the real photos")
        profile, classes, clusters = "demo", None, None
    with tempfile.TemporaryDirectory(prefix="oi-e2e-") as folder:
        state = Path(folder) / "state"
        own = Path(folder) / "profiles"
        decisions.write_profiles(own)
        os.environ["OI_RELEASES"] = str(RELEASES)
        (own / "worse.yaml").write_text(yaml.safe_dump(worse(profile)))
        environment = os.environ | Addresses.free().lines() | {"OI_STATE": str(state), "OI_PROFILES": str(own)}
        environment |= {"OI_ENV_FILE": str(state / "env")}
        try:
            run(profile, classes, clusters, environment, state)
            people(state)
        finally:
            services.stop(state)


def run(profile: str, classes: int | None, clusters: set[str] | None, environment: dict[str, str], state: Path) -> None:
    """To a champion; again with nothing new; and a worse candidate."""
    status, seconds = demo(profile, environment)
    check(status == 0, f"{profile}: a model was promoted, after {seconds:.0f} s")
    tracking = Tracking(Settings(_env_file=state / "env"))
    champion = tracking.alias("oi-cascade", "champion")
    check(champion is not None, f"oi-cascade@champion is version {champion}")
    with tempfile.TemporaryDirectory() as folder:
        from oi_tasks.models.cascade import Cascade

        cascade = Cascade.load(tracking.download("oi-cascade", champion, Path(folder)))
        if classes is not None:
            check(len(cascade.classes) == classes, f"its classifier has {len(cascade.classes)} classes")
        if clusters is not None:
            check(set(cascade.clusters) == clusters, f"its clusters are {', '.join(sorted(cascade.clusters))}")
    status, seconds = demo(profile, environment)
    check(status == 0, f"{profile} again: {seconds:.0f} s")
    check(
        note(state).startswith("nothing new: every step was reused"), "nothing was trained again, and the note says so"
    )
    check(tracking.alias("oi-cascade", "champion") == champion, "the champion has not moved")
    status, seconds = demo("worse", environment)
    check(status == REFUSED, f"a worse candidate was refused, after {seconds:.0f} s")
    check(tracking.alias("oi-cascade", "champion") == champion, "the champion has not moved")


def note(state: Path) -> str:
    """The note on the page of the newest retrain."""
    lines = keys.read(state / "env")
    airflow = Airflow(lines["OI_AIRFLOW_URL"], lines["OI_AIRFLOW_USER"], lines["OI_AIRFLOW_PASSWORD"])
    run = airflow.last_run("oi_retrain")
    return (run and run.note) or ""


def people(state: Path) -> None:
    """The walk over all pages, and the decisions that people take, with pictures."""
    if browser.program() is None:
        say(left_out(f"no browser is installed ({', '.join(browser.BROWSERS)}), so nobody looks at the pages"))
        return
    walk(state, PICTURES / "pages")
    decisions.decide(state, PICTURES / "decisions")
    say(f"pictures of the pages and of the decisions are in {PICTURES}")


if __name__ == "__main__":
    main()
