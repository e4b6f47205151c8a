"""What has changed since the last accepted snapshot is found and named; what has not is not."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scipy.stats import entropy

from oi_tasks.quality.drift import drift_table, facts_of, stability
from oi_tasks.quality.engine import Engine
from oi_tasks.quality.inspection import SnapshotInspection
from oi_tasks.quality.suites import expectations_folder, load_suites
from oi_tasks.quality.summary import summarise
from tests.quality.conftest import CAT, DOG, Frames, written

pytestmark = pytest.mark.slow

PARAMETERS = {"mostly": 0.9, "max_quarantined": 0.1, "drift_rows": 0.5, "drift_psi": 0.2, "drift_growth": 2.0}


def many(frames: Frames) -> Frames:
    """The small release with 20 boxes a photo, half of them of dogs, of several sizes."""
    boxes = [
        frames["boxes"].with_columns(XMax=pl.lit(0.15 + place / 40), LabelName=pl.lit(DOG if place % 2 else CAT))
        for place in range(20)
    ]
    labels = frames["image_labels"].with_columns(Confidence=pl.lit(1.0))
    return frames | {"boxes": pl.concat(boxes), "image_labels": labels}


def judged(frames: Frames, folder: Path, before: Any = None, least: int = 20) -> tuple[dict[str, Any], Any]:
    (folder / "out").mkdir(parents=True)
    files = written(frames, folder / "in")
    suites = load_suites(expectations_folder())
    inspection = SnapshotInspection(files, suites, Engine(PARAMETERS), folder / "out", folder, lambda _: None)
    inspection.before, inspection.least = before, least
    return summarise("0" * 20, PARAMETERS, inspection.run()), inspection.facts


def drifted(quality: dict[str, Any]) -> dict[str, list[str]]:
    """Findings of the drift suite: what each names."""
    return {
        finding["code"]: [example.get("LabelName") or example["subject"] for example in finding["examples"]]
        for finding in quality["findings"]
        if "drift" in finding["tables"]
    }


def statuses(quality: dict[str, Any]) -> set[str]:
    return {one["status"] for one in quality["expectations"] if one["suite"] == "drift"}


def test_facts_count_what_is_clean(frames: Frames, tmp_path: Path) -> None:
    frames = many(frames)
    frames["boxes"] = pl.concat([frames["boxes"], frames["boxes"].head(1)])
    quality, facts = judged(frames, tmp_path / "a")
    assert facts == facts_of(tmp_path / "a" / "out")
    assert facts["rows"] == {"boxes": 320, "image_labels": 32, "photos": 16}
    assert facts["labels"] == {CAT: 160 + 16, DOG: 160 + 16}
    assert facts["flags"]["IsGroupOf"] == {"-1": 320}
    assert sum(facts["box_sizes"].values()) == 320
    assert len(facts["box_sizes"]) > 2
    assert statuses(quality) == {"skipped"}


def test_an_equal_snapshot_has_not_moved(frames: Frames, tmp_path: Path) -> None:
    frames = many(frames)
    _, facts = judged(frames, tmp_path / "a")
    quality, _ = judged(frames, tmp_path / "b", facts)
    assert drifted(quality) == {}
    assert statuses(quality) == {"passed"}


def changed(name: str, frames: Frames) -> Frames:
    boxes = frames["boxes"]
    if name == "half":
        return frames | {"boxes": boxes.filter(pl.int_range(pl.len()) % 3 == 0)}
    if name == "smaller":
        return frames | {"boxes": boxes.with_columns(XMax=pl.col("XMin") + (pl.col("XMax") - pl.col("XMin")) / 20)}
    if name == "flags":
        return frames | {"boxes": boxes.with_columns(IsGroupOf=pl.lit(1, dtype=pl.Int8))}
    if name == "photos":
        return frames | {"photos": frames["photos"].with_columns(width=pl.lit(1024, dtype=pl.Int32))}
    assert name == "vanished"
    return {
        table: rows.filter(pl.col("LabelName") != DOG) if table in ("boxes", "image_labels") else rows
        for table, rows in frames.items()
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("half", {"drift_rows": ["boxes"]}),
        ("smaller", {"drift_spread": ["sizes of boxes"]}),
        ("flags", {"drift_spread": ["IsGroupOf"]}),
        ("photos", {"drift_spread": ["sizes of photos"]}),
    ],
)
def test_what_has_moved_is_named(name: str, expected: dict[str, list[str]], frames: Frames, tmp_path: Path) -> None:
    frames = many(frames)
    _, facts = judged(frames, tmp_path / "a")
    quality, _ = judged(changed(name, frames), tmp_path / "b", facts)
    assert drifted(quality) == expected
    assert quality["verdict"] == "pass"


def test_a_vanished_label_and_a_doubled_one_are_named(frames: Frames, tmp_path: Path) -> None:
    frames = many(frames)
    _, facts = judged(frames, tmp_path / "a")
    quality, _ = judged(changed("vanished", frames), tmp_path / "b", facts)
    assert drifted(quality)["label_vanished"] == [DOG]
    again, _ = judged(frames, tmp_path / "c", facts | {"labels": {CAT: 176, DOG: 80}})
    assert drifted(again)["label_doubled"] == [DOG]
    few, _ = judged(frames, tmp_path / "d", facts | {"labels": {CAT: 176, DOG: 80}}, least=81)
    assert "label_doubled" not in drifted(few)


def test_the_index_is_the_sum_of_both_divergences() -> None:
    now, before = {"a": 10, "b": 30, "c": 0}, {"a": 20, "b": 20, "c": 5}
    p, q = [10.5, 30.5, 0.5], [20.5, 20.5, 5.5]  # half a row is added to each class
    assert stability(now, before) == pytest.approx(entropy(p, q) + entropy(q, p))
    assert stability(now, now) == 0
    assert stability({}, before) is None


def test_a_table_that_was_empty_has_no_change() -> None:
    facts = {"rows": {"boxes": 5}, "labels": {}, "box_sizes": {}, "photo_sizes": {}, "flags": {}}
    table = drift_table(facts, facts | {"rows": {"boxes": 0}})
    assert table.filter(pl.col("measure") == "rows")["change"].to_list() == [None]
