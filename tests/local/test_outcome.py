"""What is decided and said about followed runs, on answers as Airflow 3.3.2 gives them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oi_tasks.local.airflow_api import Run, Step
from oi_tasks.local.outcome import (
    End,
    Values,
    View,
    begun,
    cannot_end_well,
    finished,
    log_tail,
    outcome,
    reasons,
    sentence,
    span,
)

T0 = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def run(dag: str, state: str) -> Run:
    return Run.model_validate({"dag_id": dag, "dag_run_id": f"{dag}-1", "state": state, "conf": {}, "note": None})


def step(dag: str, task: str, state: str | None, **said: Any) -> Step:
    return Step.model_validate({"dag_id": dag, "dag_run_id": "r", "task_id": task, "state": state, **said})


def view(ingest: str, retrain: str | None = None, *steps: Step) -> View:
    return View(run("oi_ingest", ingest), run("oi_retrain", retrain) if retrain else None, steps)


def ended(seen: View, since: float = 0.0) -> End | None:
    found = outcome(seen, since, patience=90)
    return found and found.end


GATE, PROMOTED, SKIPPED = (
    step("oi_retrain", "gate", "success"),
    step("oi_retrain", "promote", "success"),
    step("oi_retrain", "promote", "skipped"),
)
FISH = step("oi_retrain", "train_semseg", "failed", map_index=1)


@pytest.mark.parametrize(
    ("seen", "since", "expected"),
    [
        (view("queued"), 0, None),
        (view("running", None, step("oi_ingest", "fetch", "up_for_retry")), 0, None),
        (view("running", None, step("oi_ingest", "fetch", "failed")), 0, End.STEP_FAILED),
        (view("success"), 89, None),
        (view("success"), 91, End.NO_RETRAIN),
        (view("failed"), 0, End.RUN_FAILED),
        (view("success", "running", GATE, PROMOTED), 200, None),
        (view("success", "success", GATE, PROMOTED), 0, End.PROMOTED),
        (view("success", "success", GATE, SKIPPED), 0, End.REFUSED),
        (view("success", "success", step("oi_retrain", "gate", "skipped"), SKIPPED), 0, End.RUN_FAILED),
        (view("success", "success"), 0, End.RUN_FAILED),
        (view("success", "running", step("oi_retrain", "train_classifier", "failed")), 0, End.STEP_FAILED),
        (view("success", "running", FISH), 0, None),  # it fails alone
        (view("success", "success", FISH, GATE, PROMOTED), 0, End.PROMOTED),
        (view("success", "success", FISH, GATE, SKIPPED), 0, End.REFUSED),
        (view("success", "failed", FISH), 0, End.STEP_FAILED),
        (view("success", "running", FISH, step("oi_retrain", "evaluate", "failed")), 0, End.STEP_FAILED),
        (view("success", "success", GATE, step("oi_retrain", "last.promote", "success")), 0, End.PROMOTED),
    ],
)
def test_how_it_ends(seen: View, since: float, expected: End | None) -> None:
    assert ended(seen, since) is expected


def test_the_failed_step_is_named_even_when_others_fail_after_it() -> None:
    steps = (step("oi_ingest", "tables", "failed"), step("oi_ingest", "photos", "upstream_failed"))
    found = outcome(view("failed", None, *steps), 0, 90)
    assert found is not None
    assert found.step == steps[0]


def test_what_ends_a_run_is_named_before_a_cluster_that_failed_alone() -> None:
    found = outcome(view("success", "failed", FISH, step("oi_retrain", "evaluate", "failed")), 0, 90)
    assert found is not None
    assert found.step is not None
    assert found.step.job == "evaluate"


def test_a_run_in_progress_can_end_well_without_a_cluster_and_without_no_other_step() -> None:
    assert not cannot_end_well([FISH, GATE])
    assert cannot_end_well([FISH, step("oi_retrain", "evaluate", "failed")])


def test_a_mapped_step_has_the_name_of_its_instance() -> None:
    assert step("d", "train_semseg", None).name == "train_semseg"
    assert step("d", "train_semseg", None, map_index=0).name == "train_semseg [0]"
    assert step("d", "train_semseg", None, map_index=0, rendered_map_index="animals").name == "train_semseg [animals]"


def test_each_change_is_seen_once_and_in_the_order_it_happened() -> None:
    before = [step("d", "a", "running"), step("d", "b", None), step("d", "c", "queued"), step("d", "e", "success")]
    after = [
        step("d", "a", "success", end_date=T0 + timedelta(seconds=2)),
        step("d", "b", "success", end_date=T0 + timedelta(seconds=1)),
        step("d", "c", "running", start_date=T0),
        step("d", "e", "success", end_date=T0),
        step("d", "f", "skipped"),
    ]
    known = {each.key: each for each in before}
    assert [each.task_id for each in finished(known, after)] == ["b", "a", "f"]
    assert [each.task_id for each in begun(known, after)] == ["c"]
    known = {each.key: each for each in after}
    assert finished(known, after) == begun(known, after) == []


def test_a_step_that_comes_back_from_waiting_for_its_pod_has_begun_before_but_a_new_try_begins() -> None:
    waited = {each.key: each for each in [step("d", "a", "queued", start_date=T0, try_number=1)]}
    assert begun(waited, [step("d", "a", "running", start_date=T0, try_number=1)]) == []
    again = step("d", "a", "running", start_date=T0, try_number=2)
    assert begun(waited, [again]) == [again]


def test_what_is_said_of_a_step() -> None:
    times = {"start_date": T0, "end_date": T0 + timedelta(seconds=3.21)}
    assert sentence(step("d", "t", "success", **times)) == "done in 3.2 s"
    assert sentence(step("d", "t", "success", **times), reused=True) == "done in 3.2 s, reused"
    assert sentence(step("d", "t", "failed", **times)) == "failed after 3.2 s"
    assert sentence(step("d", "t", "running", try_number=2, start_date=T0)) == "running (try 2)"
    assert sentence(step("d", "t", "success", try_number=2, **times)) == "done in 3.2 s (try 2)"
    assert sentence(step("d", "t", "up_for_retry", **times)) == "failed, will be tried again"
    assert sentence(step("d", "t", "awaiting_input")) == "waits for a person's answer in Airflow"
    assert sentence(step("d", "t", "a new state")) == "a new state"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (245.4, "4 min 05 s"), (7380, "2 h 03 min")],
)
def test_spans_of_time(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_the_end_of_a_log_leaves_out_airflows_own_bookkeeping() -> None:
    log = [
        {"event": "::group::Log message source details"},
        {"event": "/state/airflow/logs/dag_id=oi_ingest/attempt=1.log"},
        {"event": "Filling up the DagBag", "logger": "airflow.dag_processing.dagbag.BundleDagBag"},
        {"event": "Pushing xcom", "logger": "task"},
        {"event": "epoch 1 of 2\nloss 0.3", "logger": "airflow.task.operators.jobs.ProcessJobOperator"},
        {
            "event": "Task failed with exception",
            "logger": "task",
            "error_detail": [
                {"exc_type": "AirflowFailException", "exc_value": "fetch ended with status 2", "frames": []}
            ],
        },
    ]
    assert log_tail(log) == [
        "epoch 1 of 2",
        "loss 0.3",
        "Task failed with exception",
        "AirflowFailException: fetch ended with status 2",
    ]
    assert log_tail([{"event": str(number)} for number in range(50)]) == [str(number) for number in range(30, 50)]


def test_what_steps_return() -> None:
    values = Values()
    values.add(step("d", "report", "success"), {"id": "ab", "reused": True, "result": {"report": "oi-reports/a.html"}})
    values.add(step("d", "decide", "success"), ["promote"])
    values.add(step("d", "fetch", "success"), {"id": "cd", "reused": False, "result": {}})
    assert values.reused == {("d", "report", -1)}
    assert values.pages == {"report": "oi-reports/a.html"}


def test_the_reasons_of_a_verdict() -> None:
    verdict = {
        "id": "ab",
        "result": {"verdict": "refuse", "reasons": [{"code": "floor", "text": "F1 under 0.8"}, "bare"]},
    }
    assert reasons(verdict) == ["F1 under 0.8", "bare"]
    assert reasons({"verdict": "promote"}) == []
    assert reasons(None) == []
