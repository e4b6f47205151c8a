"""The demo in a real Airflow: what share of its time is not that of the jobs themselves."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from bench.measure import Figure
from oi_tasks.io.store import WORK, Store
from oi_tasks.local import keys, services
from oi_tasks.local.addresses import Addresses
from oi_tasks.local.airflow_api import Airflow, Run
from oi_tasks.results import result_key
from oi_tasks.settings import Settings


def figures() -> Iterator[Figure]:
    """From the start of `oi_ingest` to the end of the `oi_retrain` that it starts, on servers of its own."""
    with tempfile.TemporaryDirectory(prefix="oi-bench-") as folder:
        state = Path(folder) / "state"
        environment = os.environ | Addresses.free().lines()
        environment |= {"OI_STATE": str(state), "OI_ENV_FILE": str(state / "env")}
        oi = str(Path(sys.executable).with_name("oi"))
        try:
            subprocess.run([oi, "demo"], env=environment, check=True, stdout=sys.stderr)
            whole, jobs = measured(state)
        finally:
            services.stop(state)
    yield Figure("orchestration_of_demo", 1 - jobs / whole, 0.15, False, " ", f"the {whole:.0f} s of the whole demo")


def measured(state: Path) -> tuple[float, float]:
    """Seconds of the last ingest and its retrain, and of their jobs, each from the start of its process to its end.

    No two jobs of the demo run at once: their seconds add up.
    """
    lines, store = keys.read(state / "env"), Store(Settings(_env_file=state / "env"))
    airflow = Airflow(lines["OI_AIRFLOW_URL"], lines["OI_AIRFLOW_USER"], lines["OI_AIRFLOW_PASSWORD"])
    ingest = airflow.last_run("oi_ingest")
    assert ingest is not None
    retrain = airflow.run("oi_retrain", airflow.triggered_by(ingest, "oi_retrain") or "")
    assert ingest.start_date is not None
    assert retrain.end_date is not None
    whole = retrain.end_date - ingest.start_date
    return whole / timedelta(seconds=1), sum(seconds_of_jobs(run, airflow, store) for run in (ingest, retrain))


def seconds_of_jobs(run: Run, airflow: Airflow, store: Store) -> float:
    """What the jobs of a run say that they took."""
    names = [result_key(step.dag_id, step.run_id, step.task_id, step.map_index) for step in airflow.steps(run)]
    return sum(store.get_json(WORK, name)["seconds"] for name in names if store.exists(WORK, name))


if __name__ == "__main__":
    whole, jobs = measured(Path(sys.argv[1]))
    print(f"{whole:.0f} s, of which {jobs:.0f} s in jobs: {1 - jobs / whole:.1%} around them")
