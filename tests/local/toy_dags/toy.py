"""Two DAGs with the names, the asset and the results of the real ones, whose steps only wait: to try the demo on.

The folder `OI_TOY` steers them: a file `fail` there makes a step fail, `refuse` makes the gate refuse, `silent` the
serve check, and the number in `seconds` is how long a training takes.
"""

import os
import time
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param, task

CONTROL = Path(os.environ.get("OI_TOY", "/nowhere"))
DATASET = Asset("toy_dataset")


def seconds() -> float:
    """How long a training takes."""
    return float((CONTROL / "seconds").read_text()) if (CONTROL / "seconds").exists() else 0.5


@task
def fetch() -> dict[str, Any]:
    """A step that always finds its earlier result."""
    return {"id": "a", "reused": True}


@task(outlets=[DATASET])
def publish(fetched: dict[str, Any]) -> None:
    """Starts the retrain."""


@task
def clusters() -> list[str]:
    """What to train."""
    return ["animals", "vehicles"]


@task(map_index_template="{{ task.op_kwargs['cluster'] }}")
def train_semseg(cluster: str) -> dict[str, Any]:
    """A training."""
    print(f"training on {cluster}")
    time.sleep(seconds())
    if (CONTROL / "fail").exists():
        raise RuntimeError("the toy was told to fail")
    return {"id": cluster, "reused": False}


@task
def gate(trained: Any) -> dict[str, Any]:
    """A verdict in the form of the real one."""
    refused = (CONTROL / "refuse").exists()
    reasons = [{"code": "floor", "text": "macro F1 0.41 is under the floor 0.80"}] if refused else []
    return {"reused": False, "result": {"verdict": "refuse" if refused else "promote", "reasons": reasons}}


@task.short_circuit(ignore_downstream_trigger_rules=False)
def passed(verdict: dict[str, Any]) -> bool:
    """Whether to promote."""
    return bool(verdict["result"]["verdict"] == "promote")


@task
def serve_check() -> dict[str, Any]:
    """What the check of a version that does not answer returns."""
    silent = (CONTROL / "silent").exists()
    reasons = [{"code": "does_not_load", "text": "version 1 does not load and answer"}] if silent else []
    return {"result": {"verdict": "refuse" if silent else "serves", "reasons": reasons}}


@task.short_circuit(ignore_downstream_trigger_rules=False)
def serves(served: dict[str, Any]) -> bool:
    """Whether the version serves."""
    return bool(served["result"]["verdict"] == "serves")


@task
def promote() -> dict[str, Any]:
    """What a promotion returns."""
    return {"result": {"version": "1"}}


@task(trigger_rule="none_failed")
def report() -> dict[str, Any]:
    """A page."""
    return {"result": {"report": "oi-reports/report.html"}}


with DAG("oi_ingest", schedule=None, max_active_runs=1, params={"profile": Param("demo")}):
    publish(fetch())

with DAG(
    "oi_retrain",
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 2 * * *", timezone="UTC"), assets=[DATASET]),
    max_active_runs=1,
):
    verdict = gate(train_semseg.expand(cluster=clusters()))
    promoted = promote()
    served = serve_check()
    passed(verdict) >> served
    serves(served) >> promoted >> report()
