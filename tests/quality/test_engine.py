"""Great Expectations, run in parts: the same numbers as on the whole; and what happens when a check raises."""

import json
from pathlib import Path
from typing import Any

import great_expectations as gx
import polars as pl
import pytest

from oi_tasks.quality import engine, forms
from oi_tasks.quality.engine import Engine
from oi_tasks.quality.inspection import SnapshotInspection
from oi_tasks.quality.outcomes import holds
from oi_tasks.quality.suites import expectations_folder, load_suites
from oi_tasks.quality.summary import summarise
from tests.quality.conftest import Frames, Judge, change, written

pytestmark = pytest.mark.slow

PARAMETERS = {"mostly": 0.9, "max_quarantined": 0.1}


def spoiled(boxes: pl.DataFrame) -> pl.DataFrame:
    """Some faults in different parts, with what is worked out beside them."""
    boxes = change(change(change(boxes, 1, XMin=0.5), 9, XMin=0.6), 12, XMax=None)
    boxes = change(change(boxes, 15, YMax=1.5), 4, IsInside=3)
    return boxes.with_columns(repeated=False, photo=pl.lit("good"), label_known=True, denied=False, thin=False)


def outcomes(parts: list[pl.DataFrame]) -> list[Any]:
    run = Engine(PARAMETERS).suite_run(load_suites(expectations_folder())["boxes"])
    for part in parts:
        run.feed(part)
    return run.outcomes()


@pytest.mark.parametrize("rows", [3, 7, 1000])
def test_parts_add_up_to_the_whole(rows: int, frames: Frames, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = spoiled(frames["boxes"])
    whole = outcomes([boxes])
    monkeypatch.setattr(engine, "ROWS", rows)
    assert outcomes(list(boxes.iter_slices(2))) == whole
    assert {one.status for one in whole} == {"passed", "failed"}


def test_the_numbers_are_those_of_great_expectations(frames: Frames) -> None:
    """Against GX asked directly, one expectation at a time."""
    boxes = spoiled(frames["boxes"])
    batch = (
        gx.get_context(mode="ephemeral")
        .data_sources.pandas_default.add_dataframe_asset("boxes")
        .add_batch_definition_whole_dataframe("all")
        .get_batch(batch_parameters={"dataframe": boxes.to_pandas()})
    )
    for outcome in outcomes([boxes.head(5), boxes.tail(-5)]):
        expectation = outcome.expectation
        built = gx.expectations.core.__dict__[_class(expectation.type)](**expectation.kwargs)
        said = batch.validate(built, expectation_parameters=PARAMETERS)
        assert outcome.status == ("passed" if said.success else "failed"), expectation
        assert outcome.failing == said.result["unexpected_count"], expectation
        assert outcome.checked == said.result["element_count"] - said.result.get("missing_count", 0), expectation


def _class(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


@pytest.mark.parametrize(
    ("checked", "failing", "held"), [(1000, 1, True), (999, 1, False), (0, 0, True), (10, 0, True)]
)
def test_enough_rows_keep_it(checked: int, failing: int, held: bool) -> None:
    assert holds(checked, failing, 0.999) is held


def test_a_table_that_was_never_fed_is_skipped() -> None:
    assert {one.status for one in outcomes([])} == {"skipped"}


def test_an_empty_table_is_judged() -> None:
    empty = pl.DataFrame(schema=pl.Schema(forms.judged_form("boxes")))
    assert {(one.status, one.checked) for one in outcomes([empty])} == {("passed", 0)}


def suites_with(folder: Path, suite: str, place: int, **changes: Any) -> Path:
    """A copy of the shipped suites with one expectation changed."""
    for path in expectations_folder().glob("*.json"):
        text = json.loads(path.read_text())
        if text["name"] == suite:
            text["expectations"][place].update(changes)
        (folder / path.name).write_text(json.dumps(text))
    return folder


def test_a_check_that_raises_is_critical(frames: Frames, judge: Judge, tmp_path: Path) -> None:
    """Even one of severity info: here it names a column that is not there."""
    (tmp_path / "suites").mkdir()
    kwargs = {"column": "Nowhere", "value_set": [0]}
    folder = suites_with(
        tmp_path / "suites", "boxes", 0, kwargs=kwargs, severity="info", type="expect_column_values_to_be_in_set"
    )
    quality = judge(frames, folder=folder)
    assert [(one["code"], one["severity"], one["count"]) for one in quality["findings"]] == [
        ("check_raised", "critical", 1)
    ]
    assert "Nowhere" in quality["findings"][0]["examples"][0]["error"]
    assert quality["verdict"] == "fail"
    boxes = [one for one in quality["expectations"] if one["suite"] == "boxes"]
    assert (boxes[0]["code"], boxes[0]["status"]) == ("image_id_form", "raised")


def test_a_run_that_raises_is_critical(frames: Frames, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError("no more")

    monkeypatch.setattr(gx.ValidationDefinition, "run", fail)
    quality = judge(frames)
    assert {one["status"] for one in quality["expectations"] if one["suite"] != "drift"} == {"raised"}
    assert [one["code"] for one in quality["findings"]] == ["check_raised"]
    assert "MemoryError: no more" in quality["findings"][0]["examples"][0]["error"]


def test_a_suite_whose_sql_says_something_else_is_critical(frames: Frames, judge: Judge, tmp_path: Path) -> None:
    """Great Expectations looks at XMax, the SQL at XMin: one box is beyond the photo."""
    frames["boxes"] = change(frames["boxes"], 2, XMax=1.5)
    (tmp_path / "suites").mkdir()
    suite = json.loads((expectations_folder() / "boxes.json").read_text())
    place = next(i for i, one in enumerate(suite["expectations"]) if one["meta"].get("rows") == "XMax < 0 OR XMax > 1")
    meta = suite["expectations"][place]["meta"] | {"rows": "XMin < 0 OR XMin > 1"}
    quality = judge(frames, folder=suites_with(tmp_path / "suites", "boxes", place, meta=meta))
    finding = next(one for one in quality["findings"] if one["code"] == "check_disagrees")
    assert finding["severity"] == "critical"
    assert (finding["examples"][0]["great_expectations"], finding["examples"][0]["rows"]) == (1, 0)


def test_nothing_is_written_and_nothing_is_said(frames: Frames, capfd: pytest.CaptureFixture[str]) -> None:
    outcomes([spoiled(frames["boxes"])])
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


@pytest.mark.slow
def test_processes_side_by_side_say_what_one_says(frames: Frames, tmp_path: Path) -> None:
    """The partitions in two processes, in one, and the whole table at once: the same judgement, the same files."""
    boxes = pl.concat([frames["boxes"].with_columns(XMin=pl.lit(0.1 - place / 200)) for place in range(30)])
    boxes = change(change(boxes, 1, XMin=0.5), 400, YMin=None)
    frames["boxes"] = pl.concat([boxes, boxes.head(1)])

    def judged(name: str, partitioned: Frames, workers: int, parts: dict[str, Path]) -> tuple[Any, pl.DataFrame]:
        (tmp_path / name / "out").mkdir(parents=True)
        inspection = SnapshotInspection(
            parts or written(partitioned, tmp_path / name / "in"),
            load_suites(expectations_folder()),
            Engine(PARAMETERS),
            tmp_path / name / "out",
            tmp_path / name,
            lambda _: None,
        )
        inspection.workers = workers
        said = summarise("0" * 20, PARAMETERS, inspection.run())
        apart = pl.read_parquet(tmp_path / name / "out" / "quarantine.parquet")
        clean = pl.read_parquet(tmp_path / name / "out" / "boxes" / "*.parquet")
        said["clean"] = clean.sort(clean.columns).rows()
        return said, apart.select("table", "ImageID", "LabelName", "reason").sort(pl.all())

    side_by_side, apart = judged("two", frames, 2, {})
    one, apart_of_one = judged("one", frames, 1, {})
    assert side_by_side == one
    assert apart.equals(apart_of_one)
    parts = written(frames, tmp_path / "whole")
    frames["boxes"].write_parquet(parts["boxes/0.parquet"])
    whole, apart_of_whole = judged(
        "all", frames, 1, {name: path for name, path in parts.items() if "boxes/" not in name or name[-9] == "0"}
    )
    assert apart.equals(apart_of_whole)
    for said in (one, whole):  # which rows are shown, and their place, goes by the order of reading
        for finding in said["findings"]:
            finding.pop("examples")
        said.pop("set_apart")
    assert whole == one
    assert {finding["code"] for finding in whole["findings"]} == {
        "box_without_width",
        "box_incomplete",
        "box_outside",
        "row_repeated",
    }
