"""Reports as the list has them: what each is about and says, on a real store, also where a part of it is gone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oi_tasks.io.outputs import Outputs
from oi_tasks.io.report_list import newest_pages, pages_of
from oi_tasks.io.store import DATA, WORK, Store

PRODUCED = {"at": "2026-11-27T02:00:00+00:00"}


@pytest.fixture
def outputs(store: Store, tmp_path: Path) -> Iterator[Outputs]:
    """Those of a store that other tests use too: what was not there before is taken away again."""
    folders = ((DATA, "outputs/"), (DATA, "keys/"), (WORK, "runs/toy_list/"))
    before = {(bucket, key) for bucket, folder in folders for key in store.list(bucket, folder)}
    yield Outputs(store, tmp_path / "cache")
    after = {(bucket, key) for bucket, folder in folders for key in store.list(bucket, folder)}
    for bucket, key in after - before:
        store.remove(bucket, key)


def publish(outputs: Outputs, out: Path, job: str, fields: dict, result: dict, at: str = PRODUCED["at"]) -> str:
    (out / job).mkdir(exist_ok=True)
    return outputs.publish(job, "1", f"{job}-{result}", fields, out / job, result, {"at": at}).id


def test_a_report_is_told_by_version_verdict_and_profile(outputs: Outputs, tmp_path: Path) -> None:
    made = {}
    for number, (verdict, promoted) in enumerate([("promote", "p"), ("promote", None), ("refuse", None)], start=41):
        said = {"verdict": verdict, "candidate": number}
        gate = publish(outputs, tmp_path, "gate", {"profile": "toy"}, said)
        fields = {"verdict": gate, "promoted": promoted}
        made[number] = publish(outputs, tmp_path, "report", fields, {"report": f"oi-reports/runs/{number}.html"})
    gone = {"verdict": "0" * 20, "promoted": None}
    made[44] = publish(outputs, tmp_path, "report", gone, {"report": "oi-reports/runs/44.html"})
    for number, output in made.items():
        outputs.store.put_json(WORK, f"runs/toy_list/one/report-{number}.json", {"job": "report", "id": output})
    outputs.store.put_json(WORK, "runs/toy_list/one/gate.json", {"job": "gate", "id": "not asked for"})
    removed = {"job": "evaluate", "id": "0" * 20}  # a run may reuse what housekeeping removes before the run's results
    outputs.store.put_json(WORK, "runs/toy_list/one/evaluate.json", removed)
    pages = pages_of(outputs, "toy_list", "one")
    assert {page.about for page in pages} == {"retrain"}
    assert {page.place.removeprefix("oi-reports/runs/"): page.says for page in pages} == {
        "41.html": "version 41: promoted, profile toy",
        "42.html": "version 42: passed, not promoted, profile toy",
        "43.html": "version 43: refused, profile toy",
        "44.html": "",
    }
    assert pages_of(outputs, "toy_list", "two") == ()


def test_of_a_run_the_verdict_comes_first_whatever_was_written_last(outputs: Outputs, tmp_path: Path) -> None:
    scored = {"candidate": 7, "errors": "oi-reports/e.html", "boxes": "oi-reports/b.html"}
    reused = publish(outputs, tmp_path, "report", {"verdict": "0" * 20}, {"report": "oi-reports/r.html"})
    evaluated = publish(outputs, tmp_path, "evaluate", {}, scored, "2126-01-02T00:00:00+00:00")
    for job, output in (("evaluate", evaluated), ("report", reused)):
        outputs.store.put_json(WORK, f"runs/toy_list/three/{job}.json", {"job": job, "id": output})
    assert [page.about for page in pages_of(outputs, "toy_list", "three")] == ["retrain", "boxes", "errors"]


def test_the_newest_come_first_and_no_more_than_asked_for(outputs: Outputs, tmp_path: Path) -> None:
    classes = {"classes": 7, "clusters": ["cats"], "report": "oi-reports/c.html", "hierarchy": "oi-reports/h.html"}
    publish(outputs, tmp_path, "collapse", {}, classes, "2126-01-01T00:00:00+00:00")
    judged = {"verdict": "fail", "critical": 0, "warnings": 0, "report": "oi-reports/q.html"}  # too much set apart
    publish(outputs, tmp_path, "validate", {"snapshot": "3f0a91c2" * 2}, judged, "2126-01-02T00:00:00+00:00")
    first, *others = newest_pages(outputs, 3)
    assert (first.about, first.says) == ("data quality", "snapshot 3f0a91c2: not fit to train on")
    assert {(page.about, page.says) for page in others} == {
        (name, "7 classes, 1 clusters") for name in ("classes", "hierarchy")
    }
