"""The suites that the project ships, and what is refused of those that people write."""

import json
from pathlib import Path
from typing import Any

import pytest

from oi_tasks.errors import BadInput
from oi_tasks.quality.engine import Engine
from oi_tasks.quality.suites import SUITES, Suite, expectations_folder, fingerprints, load_suites

SHIPPED = Path(__file__).parents[2] / "expectations"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped suites, to spoil."""
    for path in SHIPPED.glob("*.json"):
        (tmp_path / path.name).write_text(path.read_text())
    return tmp_path


def write(folder: Path, suite: str, change: dict[str, Any], meta: dict[str, Any] | None = None) -> None:
    """Change the first expectation of a suite."""
    text = json.loads((folder / f"{suite}.json").read_text())
    text["expectations"][0] |= change
    text["expectations"][0]["meta"] |= meta or {}
    (folder / f"{suite}.json").write_text(json.dumps(text))


def test_there_is_one_for_each_table_and_no_other_file() -> None:
    assert {path.name for path in SHIPPED.iterdir()} == {f"{name}.json" for name in SUITES}


@pytest.mark.parametrize("name", SUITES)
def test_each_can_be_run_and_explains_itself(name: str) -> None:
    suite = load_suites(SHIPPED)[name]
    assert len(Engine({"mostly": 0.9, "max_quarantined": 0.1}).suite_run(suite).outcomes()) == len(suite.expectations)
    assert suite.meta.about
    for expectation in suite.expectations:
        for text in (expectation.meta.what, expectation.meta.why, expectation.meta.do):
            assert text[:1].isupper() or text[:1].isdigit()
        assert expectation.mapped == bool(expectation.meta.rows), "rows are told in SQL wherever there are rows to tell"


def test_one_code_has_one_text() -> None:
    texts: dict[str, set[tuple[str, str, str]]] = {}
    for suite in load_suites(SHIPPED).values():
        for meta in (expectation.meta for expectation in suite.expectations):
            texts.setdefault(meta.code, set()).add((meta.what, meta.why))
    assert {code: len(found) for code, found in texts.items() if len(found) > 1} == {}


def test_only_what_nothing_can_be_done_about_is_critical() -> None:
    """No number of bad rows is critical: they are set apart, and the gate goes by their share."""
    critical = {
        one.meta.code
        for suite in load_suites(SHIPPED).values()
        for one in suite.expectations
        if one.severity == "critical"
    }
    assert critical == {
        "no_photos",
        "no_hierarchy",
        "edge_kind",
        "hierarchy_cycle",
        "hierarchy_roots",
        "nothing_annotated",
    }


def test_the_folder_can_be_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OI_EXPECTATIONS", raising=False)
    assert expectations_folder() == SHIPPED
    monkeypatch.setenv("OI_EXPECTATIONS", str(folder))
    assert expectations_folder() == folder
    monkeypatch.setenv("OI_EXPECTATIONS", str(folder / "none"))
    with pytest.raises(BadInput, match="OI_EXPECTATIONS"):
        expectations_folder()


def test_a_changed_suite_has_another_fingerprint(folder: Path) -> None:
    before = fingerprints(folder)
    assert before == fingerprints(SHIPPED)
    write(folder, "boxes", {"severity": "info"})
    assert [name for name, found in fingerprints(folder).items() if found != before[name]] == ["boxes.json"]


@pytest.mark.parametrize(
    ("change", "meta", "what"),
    [
        ({"severity": "fatal"}, {}, "severity cannot be"),
        ({"kwargs": {"column": "XMin", "mostly": {"$PARAMETER": "most"}}}, {}, "no parameter 'most'"),
        ({}, {"rows": "XMin IS NOT"}, "rows: 'XMin IS NOT' cannot be used"),
        ({}, {"rows": "Xmin < 0"}, "rows: 'Xmin < 0' cannot be used"),
        ({}, {"rows": "XMin + 1"}, "rows: 'XMin \\+ 1' gives no yes or no"),
        ({}, {"reason": "XMin"}, "reason: 'XMin' gives no text"),
        ({}, {"rows": ""}, "set_apart needs rows"),
        ({}, {"shows": ["Nowhere"]}, "shows: there is no column 'Nowhere'"),
        ({}, {"code": "Box incomplete"}, "code cannot be"),
        ({}, {"because": "x"}, "no field .*because"),
        ({"type": "expect_column_values_to_be_unique"}, {}, "needs the whole table"),
        ({"type": "expect_column_mean_to_be_between"}, {}, "needs the whole table"),
    ],
)
def test_a_suite_that_cannot_be_is_refused(
    folder: Path, change: dict[str, Any], meta: dict[str, Any], what: str
) -> None:
    write(folder, "boxes", change, meta)
    with pytest.raises(BadInput, match=what) as caught:
        load_suites(folder)
    assert "boxes.json" in str(caught.value)


def test_files_that_are_no_suites_are_refused(folder: Path) -> None:
    (folder / "edges.json").write_text("{")
    with pytest.raises(BadInput, match="not JSON"):
        load_suites(folder)
    (folder / "edges.json").write_text((folder / "photos.json").read_text())
    with pytest.raises(BadInput, match="named 'photos'"):
        load_suites(folder)
    (folder / "edges.json").unlink()
    with pytest.raises(BadInput, match="missing"):
        load_suites(folder)


@pytest.mark.parametrize("change", [{"type": "expect_column_values_to_be_lovely"}, {"kwargs": {"columns": "XMin"}}])
def test_what_great_expectations_does_not_know_is_refused(folder: Path, change: dict[str, Any]) -> None:
    write(folder, "boxes", change)
    suite: Suite = load_suites(folder)["boxes"]
    with pytest.raises(BadInput, match=r"Great Expectations cannot use .*expectation 1: image_id_form"):
        Engine({"mostly": 0.9, "max_quarantined": 0.1}).suite_run(suite)
