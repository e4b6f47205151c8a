"""Each kind of defect, planted alone into a release without a fault, is found alone."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.quality.conftest import ANIMAL, CAT, DOG, PHOTOS, ROOT, TREE, Frames, Judge, add, change, edges

pytestmark = pytest.mark.slow

Plant = Callable[[Frames], pl.DataFrame]


def found(quality: dict) -> dict[str, tuple[str, int]]:
    return {finding["code"]: (finding["severity"], finding["count"]) for finding in quality["findings"]}


def test_a_release_without_a_fault(frames: Frames, judge: Judge, tmp_path: Path) -> None:
    quality = judge(frames)
    assert found(quality) == {}
    assert (quality["verdict"], quality["quarantined_share"], quality["set_apart"]) == ("pass", 0.0, [])
    assert {(one["status"], one["suite"] == "drift") for one in quality["expectations"]} == {
        ("passed", False),
        ("skipped", True),
    }
    for name in ("photos", "image_labels", "descriptions", "edges"):
        assert pl.read_parquet(tmp_path / "out" / f"{name}.parquet").equals(frames[name]), name
    assert pl.read_parquet(tmp_path / "out" / "boxes" / "*.parquet").equals(frames["boxes"])
    assert pl.read_parquet(tmp_path / "out" / "quarantine.parquet").height == 0


BOXES: dict[str, tuple[Plant, str]] = {
    "flipped": (lambda frames: change(frames["boxes"], 3, XMin=0.4, XMax=0.1), "box_without_width"),
    "nothing": (lambda frames: change(frames["boxes"], 3, YMax=None), "box_incomplete"),
    "unknown label": (lambda frames: change(frames["boxes"], 3, LabelName="/m/0zzzz0"), "label_unknown"),
    "twice": (lambda frames: add(frames["boxes"]), "row_repeated"),
}


@pytest.mark.parametrize("name", BOXES)
def test_a_bad_box_is_set_apart(name: str, frames: Frames, judge: Judge, tmp_path: Path) -> None:
    plant, code = BOXES[name]
    frames["boxes"] = plant(frames)
    quality = judge(frames)
    assert found(quality) == {code: ("warning", 1)}
    assert quality["rows"]["boxes"]["set_apart"] == 1
    assert [(group["table"], group["reason"], group["count"]) for group in quality["set_apart"]] == [("boxes", code, 1)]
    apart = pl.read_parquet(tmp_path / "out" / "quarantine.parquet").rows(named=True)
    assert [(row["table"], row["reason"]) for row in apart] == [("boxes", code)]
    clean = pl.read_parquet(tmp_path / "out" / "boxes" / "*.parquet")
    assert clean.height == frames["boxes"].height - 1
    assert quality["findings"][0]["examples"][0]["ImageID"] == apart[0]["ImageID"]


KEPT: dict[str, tuple[str, Plant, str, str, int]] = {
    "denied": ("boxes", lambda frames: change(frames["boxes"], 3, LabelName=DOG), "box_denied", "warning", 1),
    "same photo": (
        "photos",
        lambda frames: change(frames["photos"], 1, sha256=f"{0:064x}"),
        "photo_twice",
        "warning",
        2,
    ),
    "tiny photo": ("photos", lambda frames: change(frames["photos"], 1, height=31), "photo_tiny", "warning", 1),
    "empty name": (
        "descriptions",
        lambda frames: change(frames["descriptions"], 3, DisplayName=" "),
        "name_empty",
        "warning",
        1,
    ),
    "outside": ("edges", lambda frames: frames["edges"].head(2), "label_outside", "warning", 1),
    "unknown kind": ("edges", lambda _: edges(*TREE[:2], ("Sibling", CAT, DOG)), "edge_kind", "critical", 1),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_found_and_kept(name: str, frames: Frames, judge: Judge) -> None:
    table, plant, code, severity, count = KEPT[name]
    frames[table] = plant(frames)
    quality = judge(frames)
    assert found(quality) == {code: (severity, count)}
    assert quality["set_apart"] == []
    assert quality["verdict"] == ("fail" if severity == "critical" else "pass")
    assert quality["findings"][0]["examples"], "a finding shows what was found"
    assert quality["findings"][0]["why"]
    assert quality["findings"][0]["do"]


def test_two_roots(frames: Frames, judge: Judge) -> None:
    frames["edges"] = edges(*TREE, ("Subcategory", "/m/thing", "/m/car"))
    frames["descriptions"] = add(frames["descriptions"], LabelName="/m/thing", DisplayName="Thing")
    frames["descriptions"] = add(frames["descriptions"], LabelName="/m/car", DisplayName="Car")
    quality = judge(frames)
    assert found(quality) == {"hierarchy_roots": ("critical", 2)}
    assert [example["root"] for example in quality["findings"][0]["examples"]] == [ROOT, "/m/thing"]


def test_an_island_is_a_cycle_out_of_reach(frames: Frames, judge: Judge) -> None:
    frames["edges"] = edges(*TREE, ("Part", "/m/thing", "/m/car"), ("Part", "/m/car", "/m/thing"))
    frames["descriptions"] = add(frames["descriptions"], LabelName="/m/thing", DisplayName="Thing")
    frames["descriptions"] = add(frames["descriptions"], LabelName="/m/car", DisplayName="Car")
    assert found(judge(frames)) == {"hierarchy_cycle": ("critical", 1), "label_unreachable": ("warning", 2)}


def test_an_undescribed_label_keeps_its_mid_as_its_name(frames: Frames, judge: Judge, tmp_path: Path) -> None:
    frames["descriptions"] = frames["descriptions"].head(3)
    quality = judge(frames)
    described = dict(pl.read_parquet(tmp_path / "out" / "descriptions.parquet").iter_rows())
    assert described == {ROOT: "Entity", ANIMAL: "Animal", CAT: "Cat", DOG: DOG}
    assert quality["rows"]["descriptions"] == {"in": 3, "added": 1, "out": 4, "set_apart": 0}


def test_a_bad_photo_takes_its_rows_with_it(frames: Frames, judge: Judge, tmp_path: Path) -> None:
    frames["photos"] = change(frames["photos"], 5, reason="truncated")
    quality = judge(frames)
    assert found(quality) == {"photo_undecodable": ("warning", 1)}
    assert quality["findings"][0]["tables"] == {"photos": 1}
    assert {name: rows["set_apart"] for name, rows in quality["rows"].items() if rows["set_apart"]} == {
        "photos": 1,
        "image_labels": 2,
        "boxes": 1,
    }
    apart = pl.read_parquet(tmp_path / "out" / "quarantine.parquet")
    assert set(apart["reason"]) == {"photo_truncated"}
    assert set(apart["ImageID"]) == {PHOTOS[5]}
    assert PHOTOS[5] not in set(pl.read_parquet(tmp_path / "out" / "photos.parquet")["ImageID"])
    assert quality["quarantined"]["photos"] == pytest.approx(1 / 16)


def test_other_tables_that_set_rows_apart(frames: Frames, judge: Judge) -> None:
    frames["image_labels"] = change(frames["image_labels"], 0, Confidence=100.0)
    frames["descriptions"] = add(frames["descriptions"], DisplayName="Everything")
    frames["photos"] = add(frames["photos"], sha256=f"{99:064x}")
    assert found(judge(frames)) == {
        "confidence_outside": ("warning", 1),
        "description_repeated": ("warning", 1),
        "row_repeated": ("warning", 1),
    }


def test_ids_and_labels_in_another_form(frames: Frames, judge: Judge) -> None:
    for table in ("photos", "boxes", "image_labels"):
        frames[table] = frames[table].with_columns(pl.col("ImageID").replace({PHOTOS[2]: PHOTOS[2] + "_o"}))
    for table, column in (("edges", "child"), ("descriptions", "LabelName"), ("image_labels", "LabelName")):
        frames[table] = frames[table].with_columns(pl.col(column).replace({DOG: "Dog"}))
    assert found(judge(frames)) == {"image_id_form": ("warning", 4), "label_form": ("warning", 2)}


def test_lines_that_could_not_be_read_are_set_apart(frames: Frames, judge: Judge, tmp_path: Path) -> None:
    line = {"table": "boxes", "source": "file.csv", "line": 7, "reason": "XMin is no number: 'left'", "text": "…"}
    frames["unreadable"] = pl.DataFrame([line], schema=frames["unreadable"].schema)
    quality = judge(frames)
    assert found(quality) == {"line_unreadable": ("warning", 1)}
    assert quality["quarantined"]["rows"] == pytest.approx(1 / (16 + 32 + 4 + 3 + 1))
    (row,) = pl.read_parquet(tmp_path / "out" / "quarantine.parquet").rows(named=True)
    assert row == {"table": "boxes", "ImageID": None, "LabelName": None, "row": 7, "reason": "line_unreadable"}


def test_nothing_to_learn_from(frames: Frames, judge: Judge) -> None:
    frames["boxes"], frames["image_labels"] = frames["boxes"].clear(), frames["image_labels"].clear()
    assert found(judge(frames)) == {"nothing_annotated": ("critical", 1)}


def test_empty_tables(frames: Frames, judge: Judge) -> None:
    quality = judge({name: table.clear() for name, table in frames.items()})
    codes = ("no_photos", "no_hierarchy", "nothing_annotated")
    assert found(quality) == dict.fromkeys(codes, ("critical", 1))
    assert quality["verdict"] == "fail"


@pytest.mark.parametrize("table", ["photos", "boxes", "image_labels", "descriptions", "edges"])
def test_a_missing_column_is_critical_and_found_alone(table: str, frames: Frames, judge: Judge) -> None:
    frames[table] = frames[table].drop(frames[table].columns[1])
    quality = judge(frames)
    assert found(quality) == {"missing_column": ("critical", 1)}
    assert {one["suite"] for one in quality["expectations"] if one["status"] == "skipped"} == {
        table,
        "across_tables",
        "drift",
    }
    assert quality["rows"][table]["set_apart"] == frames[table].height
    assert "missing_column" in {reason["code"] for reason in quality["reasons"]}


def test_a_wrong_type_is_critical(frames: Frames, judge: Judge) -> None:
    frames["boxes"] = frames["boxes"].with_columns(pl.col("XMin").cast(pl.String))
    (finding,) = judge(frames)["findings"]
    assert (finding["code"], finding["severity"]) == ("wrong_type", "critical")
    assert finding["examples"][0] == {"table": "boxes", "column": "XMin", "expected": "Float64", "found": "String"}


def test_a_few_are_within_the_tolerance(frames: Frames, judge: Judge) -> None:
    frames["boxes"] = BOXES["flipped"][0](frames)
    quality = judge(frames, mostly=0.9, max_quarantined=0.1)
    assert [(one["code"], one["severity"], one["held"]) for one in quality["findings"]] == [
        ("box_without_width", "info", True)
    ]
    assert quality["rows"]["boxes"]["set_apart"] == 1
    assert quality["verdict"] == "pass"
