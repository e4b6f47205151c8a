"""The ingest in a real Airflow: photos in three parts, and in one, where no task more stands on the way."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from oi_tasks.errors import Unreachable
from oi_tasks.local import keys, services
from oi_tasks.local.addresses import Addresses
from oi_tasks.local.airflow_api import Airflow, Step

pytestmark = pytest.mark.slow
DAG, DAGS = "oi_ingest", Path(__file__).parents[2] / "dags"
PATIENCE = 400.0  # seconds, on a busy machine
DRAWN = {"kind": "drawn", "drawn": {"photos": 60, "seed": 5}}


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    state, profiles = tmp_path_factory.mktemp("airflow"), tmp_path_factory.mktemp("profiles")
    for name, parts in (("whole", 1), ("parts", 3)):
        profile = {
            "name": name,
            "release": {**DRAWN, "photos": {"parts": parts}},
            "quality": {"max_quarantined": 0.2, "mostly": 0.8},
            "classes": {"max": 4, "min_coverage": 0.2, "min_count": 5},
            "clusters": {"max": 1, "min_photos": 10},
        }
        (profiles / f"{name}.yaml").write_text(yaml.safe_dump(profile))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OI_PROFILES", str(profiles))
        try:
            running = services.start(state, ("minio", "airflow"), Addresses.free(), dags=DAGS)
            lines = keys.read(running.state / "env")
            found = Airflow(lines["OI_AIRFLOW_URL"], lines["OI_AIRFLOW_USER"], lines["OI_AIRFLOW_PASSWORD"])
            until = time.monotonic() + PATIENCE
            while not found.dag_exists(DAG):
                assert time.monotonic() < until, found.import_errors()
                time.sleep(1)
            found.unpause(DAG)
            yield found
        finally:
            services.stop(state)


def ended(airflow: Airflow, profile: str) -> list[Step]:
    """The steps of a run that ended well."""
    run, until = airflow.trigger(DAG, {"profile": profile}), time.monotonic() + PATIENCE
    while airflow.run(DAG, run.id).active:
        assert time.monotonic() < until, airflow.steps(run)
        with suppress(Unreachable):
            time.sleep(1)
    steps = airflow.steps(run)
    assert airflow.run(DAG, run.id).state == "success", [(step.name, step.state) for step in steps]
    return steps


def test_photos_in_parts_are_those_of_one_piece(airflow: Airflow) -> None:
    steps = ended(airflow, "parts")
    parts = [step for step in steps if step.task_id == "photo_part"]
    assert {step.name for step in parts} == {"photo_part [01234]", "photo_part [56789]", "photo_part [abcdef]"}
    assert {step.state for step in parts} == {"success"}
    values = {step.task_id: airflow.value(step) for step in steps if step.map_index < 0}
    brought = [airflow.value(step)["result"] for step in parts]
    assert sum(part["good"] for part in brought) == values["photos"]["result"]["good"]

    whole = ended(airflow, "whole")
    assert [step.state for step in whole if step.task_id == "photo_part"] == ["skipped"]
    again = {step.task_id: airflow.value(step) for step in whole}
    assert not again["photos"]["reused"]
    assert again["photos"]["id"] == values["photos"]["id"]
    assert again["snapshot"]["reused"]

    repeated = [airflow.value(step) for step in ended(airflow, "parts") if step.task_id in ("photo_part", "photos")]
    assert [value["reused"] for value in repeated] == [True] * 4
