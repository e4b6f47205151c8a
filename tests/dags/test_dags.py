"""Every DAG file: it parses quickly, says what it does, and is wired as the design says."""

import subprocess
import sys
from pathlib import Path

import pytest

DAGS = Path(__file__).parents[2] / "dags"
FILES = {
    "ablation.py": "oi_ablation",
    "baseline.py": "oi_baseline",
    "housekeeping.py": "oi_housekeeping",
    "ingest.py": "oi_ingest",
    "retrain.py": "oi_retrain",
    "rollback.py": "oi_rollback",
    "watch.py": "oi_watch",
}
WIRING = {"jobs.py", "notify.py", "pods.py", "promotion.py"}


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        patch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        patch.syspath_prepend(str(DAGS))
        from airflow.dag_processing.dagbag import DagBag

        yield DagBag(dag_folder=str(DAGS))


def test_all_files_parse_and_none_is_unlisted(bag) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == set(FILES.values())
    assert {path.name for path in DAGS.glob("*.py")} == set(FILES) | WIRING
    for dag in bag.dags.values():
        assert Path(dag.fileloc).name == next(file for file, dag_id in FILES.items() if dag_id == dag.dag_id)


@pytest.mark.parametrize("dag_id", FILES.values())
def test_a_dag_says_what_it_does(bag, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    assert dag.doc_md.startswith("###")
    assert dag.description
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert "open-images" in dag.tags
    # A start date in the past would run the last missed slot when the DAG is unpaused.
    assert dag.start_date is None
    for task in dag.tasks:
        assert task.owner == "open-images"
        assert task.retries == 1
        assert [callback.__name__ for callback in task.on_failure_callback] == ["failed"]


def test_the_schedules(bag) -> None:
    from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable

    ingest, retrain = (bag.dags[dag_id].schedule for dag_id in ("oi_ingest", "oi_retrain"))
    assert ingest == "0 1 * * 0"
    assert isinstance(retrain, AssetOrTimeSchedule)
    assert isinstance(retrain.timetable, CronTriggerTimetable)
    assert retrain.timetable.expression == "0 2 * * *"
    assert [asset.name for asset in retrain.asset_condition.objects] == ["oi_dataset"]


def test_no_training_before_the_data_gate(bag) -> None:
    ingest = bag.dags["oi_ingest"]
    assert "data_gate" in ingest.get_task("publish").get_flat_relative_ids(upstream=True)
    assert "data_gate" in ingest.get_task("collapse").upstream_task_ids
    retrain = bag.dags["oi_retrain"]
    assert retrain.get_task("report").trigger_rule == "none_failed_min_one_success"


def test_the_baseline_is_trained_by_hand_and_decides_nothing(bag) -> None:
    baseline = bag.dags["oi_baseline"]
    assert baseline.schedule is None
    assert {"evaluate", "train_detector"} <= baseline.get_task("compare_detector").upstream_task_ids
    assert not {"gate", "promote"} & set(baseline.task_ids)
    assert not {"train_detector", "compare_detector"} & set(bag.dags["oi_retrain"].task_ids)


def test_no_promotion_before_the_gate_the_serve_check_and_the_answer(bag) -> None:
    retrain = bag.dags["oi_retrain"]
    promote = retrain.get_task("promote")
    assert {"gate", "passed", "evaluate", "approve"} <= promote.get_flat_relative_ids(upstream=True)
    assert {"gate", "serve_check", "decide"} <= promote.upstream_task_ids
    # A gate that refuses skips the check; promote needs all of its own to have succeeded.
    assert promote.trigger_rule == "all_success"
    assert retrain.get_task("passed").downstream_task_ids == {"serve_check"}
    # What failed on the way must not look like a refusal.
    assert retrain.get_task("decide").trigger_rule == "none_failed"
    assert retrain.get_task("decide").downstream_task_ids == {"promote", "turn_down"}


def test_who_does_not_answer_has_refused_and_no_worker_waits(bag) -> None:
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    approve = bag.dags["oi_retrain"].get_task("approve")
    assert isinstance(approve, ApprovalOperator)
    assert approve.defaults == ["Reject"]
    assert not approve.fail_on_reject
    assert approve.downstream_task_ids == {"approved"}
    assert set(approve.params) == {"comment"}


@pytest.mark.parametrize(
    ("served", "response", "then"),
    [
        (None, None, None),
        ("refuse", None, None),
        ("serves", None, "promote"),
        ("serves", {"chosen_options": ["Approve"], "responded_by_user": {"id": "1", "name": "ann"}}, "promote"),
        ("serves", {"chosen_options": ["Reject"], "responded_by_user": {"id": "1", "name": "ann"}}, "turn_down"),
        ("serves", {"chosen_options": ["Reject"], "responded_by_user": None}, "turn_down"),
    ],
)
def test_what_comes_after_the_gate(bag, monkeypatch, served: str | None, response, then: str | None) -> None:
    monkeypatch.syspath_prepend(str(DAGS))
    from promotion import answer_of, next_step

    from oi_tasks.jobs.promote import Approval

    answer = answer_of(response)
    Approval.model_validate(answer)
    assert next_step(served and {"result": {"verdict": served}}, answer) == then


def test_the_form_of_a_rollback_asks_for_a_reason(bag) -> None:
    from airflow.exceptions import ParamValidationError

    dag = bag.dags["oi_rollback"]
    assert dag.schedule is None
    with pytest.raises(ParamValidationError):
        dag.params.get_param("reason").resolve()
    assert dag.params.get_param("to").resolve() is None
    with pytest.raises(ParamValidationError):
        dag.params.get_param("to").resolve(0)


HEAVY = ("torch", "mlflow", "great_expectations", "pandas", "polars", "kubernetes", "timm")


def test_parsing_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(DAGS)!r})\n"
        "import airflow.sdk\n"
        "before = set(sys.modules)\n"
        "import ablation, baseline, housekeeping, ingest, retrain, rollback, watch\n"
        f"print([name for name in {HEAVY!r} if name in set(sys.modules) - before])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip().splitlines()[-1] == "[]"
