"""Every DAG file: it parses quickly, says what it does, and is wired as the design says."""

import importlib.util
import re
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
WIRING = {"forms.py", "jobs.py", "links.py", "notify.py", "pods.py", "promotion.py", "run_note.py"}


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


def test_the_drawing_is_that_of_the_code(bag) -> None:
    spec = importlib.util.spec_from_file_location("draw", DAGS.parent / "docs" / "draw.py")
    draw = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw)
    assert draw.PAGE.read_text(encoding="utf-8") == draw.page(bag.dags.values()), "run: make docs"
    assert "  commands --> " in draw.packages_drawing(draw.imports())
    assert "[[train_semseg × each]]" in draw.dag_drawing(bag.dags["oi_retrain"]).replace('"', "")


@pytest.mark.parametrize("dag_id", FILES.values())
def test_a_dag_says_what_it_does(bag, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    assert dag.doc_md.startswith("###")
    assert dag.description
    (costs,) = [part for part in dag.doc_md.split("\n\n") if part.startswith("**What a run costs**: ")]
    assert ("docs/scaling.md" in costs) == ("training" in dag.tags)
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


def test_the_assets_tell_the_story_from_a_dataset_to_a_champion(bag) -> None:
    published = {
        f"{dag_id}.{task.task_id}": [asset.name for asset in task.outlets]
        for dag_id, dag in bag.dags.items()
        for task in dag.tasks
        if task.outlets
    }
    assert published == {"oi_ingest.publish": ["oi_dataset"], "oi_retrain.promote": ["oi_champion"]}
    assert [asset.name for asset in bag.dags["oi_retrain"].get_task("dataset").inlets] == ["oi_dataset"]


def test_no_training_before_the_data_gate(bag) -> None:
    ingest = bag.dags["oi_ingest"]
    assert "data_gate" in ingest.get_task("publish").get_flat_relative_ids(upstream=True)
    assert "data_gate" in ingest.get_task("collapse").upstream_task_ids
    retrain = bag.dags["oi_retrain"]
    assert retrain.get_task("report").trigger_rule == "none_failed_min_one_success"


@pytest.mark.parametrize("dag_id", ["oi_retrain", "oi_baseline"])
def test_nothing_is_trained_where_the_form_names_a_cluster_that_is_not_there(bag, dag_id: str) -> None:
    """Those of the clusters may all fail: what chooses them may not."""
    assert "cluster_fields" in bag.dags[dag_id].get_task("train_classifier").upstream_task_ids
    assert "train_classifier" in bag.dags[dag_id].get_task("evaluate").upstream_task_ids
    assert bag.dags[dag_id].get_task("evaluate").trigger_rule == "all_success"


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


@pytest.mark.slow
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


def test_the_tasks_that_people_look_at_have_their_links(bag) -> None:
    names = {
        task.task_id: [link.name for link in task.operator_extra_links]
        for dag in bag.dags.values()
        for task in dag.tasks
        if task.operator_extra_links
    }
    assert names == {
        "validate": ["Data quality"],
        "data_gate": ["Data quality"],
        "collapse": ["Classes", "Hierarchy"],
        "train_classifier": ["MLflow run"],
        "train_semseg": ["MLflow run"],
        "evaluate": ["MLflow run", "Errors", "Boxes"],
        "gate": ["Report of the run"],
        "report": ["Report of the run"],
        "compare_variants": ["Variants"],
        "train_detector": ["MLflow run"],
        "compare_detector": ["Comparison", "MLflow run"],
    }


def test_a_link_names_the_task_whose_page_it_is(bag, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(DAGS))
    from types import SimpleNamespace
    from urllib.parse import parse_qs, urlsplit

    def asked(dag_id: str, task_id: str, map_index: int = -1, below: str = "") -> dict[str, str]:
        task = bag.dags[dag_id].get_task(task_id)
        key = SimpleNamespace(dag_id=dag_id, run_id="manual__1+00:00", task_id=task_id, map_index=map_index)
        (link, *_) = task.operator_extra_links
        parts = urlsplit(link.get_link(task, ti_key=key))
        assert parts.path == f"{below}/open-images/of"
        return {name: values[0] for name, values in parse_qs(parts.query).items()}

    told = asked("oi_retrain", "train_semseg", 2)
    assert (told["task_id"], told["map_index"], told["what"]) == ("train_semseg", "2", "mlflow")
    assert told["run_id"] == "manual__1+00:00"
    told = asked("oi_ingest", "data_gate")
    assert (told["task_id"], told["what"]) == ("validate", "report")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://company.example/airflow/")
    assert asked("oi_ingest", "data_gate", below="/airflow") == told


GROUPS = {
    "oi_ingest": {
        "bring_in": {"profile", "fetch", "tables", "photo_parts", "photo_part", "photos", "snapshot"},
        "judge_data": {"validate", "data_gate"},
        "make_classes": {"collapse", "publish"},
    },
    "oi_retrain": {
        "prepare": {"dataset", "plan", "shards", "cluster_fields"},
        "train": {"train_classifier", "train_semseg", "trained"},
        "judge": {"evaluate", "gate"},
        "promotion": {"passed", "serve_check", "ask", "approve", "approved", "decide", "promote", "turn_down"},
    },
}


@pytest.mark.parametrize("dag_id", GROUPS)
def test_the_groups_read_as_the_stages_of_the_method_and_leave_the_ids_alone(bag, dag_id: str) -> None:
    groups = bag.dags[dag_id].task_group.get_task_group_dict()
    found = {name: set(group.children) for name, group in groups.items() if name is not None}
    assert found == GROUPS[dag_id]


def test_every_run_ends_with_a_note_that_has_no_say_in_its_state(bag) -> None:
    for dag in bag.dags.values():
        note = dag.get_task("note")
        assert note.is_teardown
        assert not note.on_failure_fail_dagrun
        # Whatever else ends the run comes before it, so that it comes last and the others decide.
        assert {task.task_id for task in dag.tasks if not task.downstream_task_ids} == {"note"}


def test_a_retrain_that_takes_too_long_is_told(bag) -> None:
    (deadline,) = bag.dags["oi_retrain"].deadline
    assert deadline.interval.total_seconds() == 24 * 3600
    assert deadline.callback.path == "notify.late"


@pytest.mark.parametrize(
    ("dag_id", "field", "value", "said"),
    [
        ("oi_ingest", "profile", "no-such", "'no-such' is not one of"),
        ("oi_ingest", "source", 7, "7 is not of type 'null', 'string'"),
        ("oi_ingest", "force", "yes", "'yes' is not of type 'boolean'"),
        ("oi_retrain", "profile", "no-such", "'no-such' is not one of"),
        ("oi_retrain", "clusters", "fish", "'fish' is not of type 'null', 'array'"),
        ("oi_retrain", "clusters", [3], "3 is not of type 'string'"),
        ("oi_retrain", "reason", "x" * 301, "is too long"),
        ("oi_ablation", "profile", 1, "1 is not one of"),
        ("oi_rollback", "reason", "", "should be non-empty"),
        ("oi_rollback", "to", "4", "'4' is not of type 'null', 'integer'"),
        ("oi_housekeeping", "remove", "all", "'all' is not of type 'boolean'"),
    ],
)
def test_a_form_refuses_in_words(bag, dag_id: str, field: str, value: object, said: str) -> None:
    from airflow.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError, match=re.escape(said)):
        bag.dags[dag_id].params.get_param(field).resolve(value)


def test_what_may_stay_empty_is_not_asked_for(bag) -> None:
    """Airflow's page keeps its button off while a field without a value does not allow null."""
    must = []
    for dag_id, dag in bag.dags.items():
        for name in dag.params:
            field = dag.params.get_param(name)
            if "null" in field.schema.get("type", ()):
                assert field.resolve(None) is None
            elif not field.has_value or field.value in ("", []):
                must.append(f"{dag_id} {name}")
    assert must == ["oi_rollback reason"]


def test_what_a_form_cannot_know_is_refused_by_the_first_task(bag, monkeypatch, tmp_path) -> None:
    monkeypatch.syspath_prepend(str(DAGS))
    from airflow.sdk.exceptions import AirflowFailException

    profile = bag.dags["oi_ingest"].get_task("profile").python_callable
    for empty in ("", None):
        assert profile({"profile": "demo", "source": empty})["release"]["kind"] == "drawn"
    made = profile({"profile": "demo", "source": str(tmp_path)})["release"]
    assert (made["kind"], made["folders"]) == ("folder", [str(tmp_path)])
    with pytest.raises(AirflowFailException, match="a web address is no folder"):
        profile({"profile": "demo", "source": "https://example.org/release"})
    clusters = bag.dags["oi_retrain"].get_task("cluster_fields").python_callable
    planned = {"result": {"clusters": ["airplane", "fish"]}}
    for asked in (["fish"], [], None):
        assert clusters(planned, {"clusters": asked}) == [{"cluster": "airplane"}, {"cluster": "fish"}]
    with pytest.raises(AirflowFailException, match="there is no cluster dog to train; there are airplane, fish"):
        clusters(planned, {"clusters": ["dog"]})


def test_a_retrain_takes_the_newest_dataset_of_the_profile_that_the_form_names(bag) -> None:
    from types import SimpleNamespace

    from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

    task = bag.dags["oi_retrain"].get_task("dataset")
    (asset,) = task.inlets
    extras = [
        {"profile": {"name": name}, "validated": name + number}
        for name, number in (("demo", "1"), ("real-photos", "2"))
    ]
    events = {asset: [SimpleNamespace(extra=extra) for extra in extras]}

    def chosen(profile: str, there: dict) -> str:
        return task.python_callable({"profile": profile}, inlet_events=there, triggering_asset_events={})["validated"]

    assert chosen("newest", events) == "real-photos2"
    assert chosen("demo", events) == "demo1"
    with pytest.raises(AirflowFailException, match="no dataset of the profile openimages-v4 is published yet"):
        chosen("openimages-v4", events)
    with pytest.raises(AirflowSkipException):
        chosen("newest", {asset: []})


def test_only_the_clusters_that_the_form_names_are_trained_anew(bag) -> None:
    train = bag.dags["oi_retrain"].get_task("train_semseg")
    task = train.unmap({"mapped": {"cluster": "fish"}, "profile": {}, "inputs": {}})

    def forced(**params: object) -> bool:
        from types import SimpleNamespace

        ti = SimpleNamespace(dag_id="oi_retrain", run_id="r", task_id="train_semseg", map_index=0)
        return "--force" in task.arguments_for({"params": params, "ti": ti})

    assert not forced(force=False, clusters=[])
    assert forced(force=True, clusters=[])
    assert forced(force=False, clusters=["fish"])
    assert not forced(force=False, clusters=["airplane"])
