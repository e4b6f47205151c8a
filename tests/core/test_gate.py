"""The gate, case by case: it passes only what is measured, configured and good enough; each code is produced once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oi_tasks.core.gate import (
    CODES,
    Candidate,
    ChampionsPhotos,
    Limit,
    Limits,
    Reason,
    Verdict,
    failed_clusters,
    judge,
)
from oi_tasks.core.slice_regressions import SliceLimit, SliceRow

NAN = float("nan")
LIMITS = Limits(
    groups={
        "classifier": {
            "macro_f1": Limit(floor=0.8, may_lose=0.01, min_photos=50),
            "calibration_error": Limit(ceiling=0.1, may_lose=0.02),
        },
        "semseg": {"mean_iou": Limit(floor=0.4)},
        "cascade": {"box_recall": Limit(floor=0.2, may_lose=0.0)},
    },
    min_test_photos=20,
    slices=SliceLimit(may_lose=0.02, alpha=0.05, min_photos=30),
    megabytes=100.0,
)


def numbers(**changed: float | None) -> dict[str, Any]:
    values = {"macro_f1": 0.9, "calibration_error": 0.05, "cat": 0.5, "dog": 0.6, "box_recall": 0.3} | changed
    value = {name: {"value": number, "low": None, "high": None} for name, number in values.items()}
    return {
        "classifier": {name: value[name] for name in ("macro_f1", "calibration_error")},
        "semseg/cat": {"mean_iou": value["cat"]},
        "semseg/dog": {"mean_iou": value["dog"]},
        "cascade": {"box_recall": value["box_recall"]},
    }


def pairs(**changed: tuple[float | None, float | None]) -> dict[str, Any]:
    ends = {"macro_f1": (-0.005, 0.01), "calibration_error": (-0.01, 0.01), "box_recall": (0.0, 0.0)} | changed
    return {
        f"{'cascade' if name == 'box_recall' else 'classifier'}/{name}": {
            "candidate": 0.9, "champion": 0.9, "difference": 0.0, "low": low, "high": high
        }
        for name, (low, high) in ends.items()
    }  # fmt: skip


def row(difference: float | None = 0.0, width: float = 0.04, photos: int = 100, name: str = "cat") -> SliceRow:
    half = width / 2
    ends = (None, None) if difference is None else (difference - half, difference + half)
    return SliceRow("class", f"/m/{name}", name, "f1", photos, 0.8, 0.8, difference, *ends)


GOOD = Candidate(
    numbers=numbers(),
    test_photos=100,
    paired=pairs(),
    slices=[row(), row(0.01, name="dog")],
    support={"classifier": 100, "cascade": 100},
    megabytes=40.0,
    champion=7,
    champions_photos=ChampionsPhotos(60, pairs(), {"classifier": 60, "cascade": 60, "semseg/cat": 12, "semseg/dog": 9}),
)


def on_theirs(**changed: Any) -> dict[str, Any]:
    """The good candidate with another comparison on photos of the champion's dataset."""
    return {"champions_photos": replace(GOOD.champions_photos, **changed)}


def said(verdict: Verdict) -> list[tuple[str, str]]:
    return [(reason.code, reason.text) for reason in verdict.reasons]


def without(part: str) -> dict[str, Any]:
    return {name: named for name, named in numbers().items() if name != part}


def limits(**groups: dict[str, Limit]) -> Limits:
    return replace(LIMITS, groups=dict(LIMITS.groups) | groups)


CASES: list[tuple[str, str, dict[str, Any], Limits]] = [
    ("no_thresholds", "names no threshold", {}, replace(LIMITS, groups={"classifier": {}, "semseg": {}})),
    ("no_threshold", "cascade box_recall is named", {}, limits(cascade={"box_recall": Limit()})),
    ("part_missing", "has no cascade", {"numbers": without("cascade")}, LIMITS),
    ("part_missing", "has no semseg/bird: its training failed", {"planned": ["semseg/bird", "semseg/cat"]}, LIMITS),
    ("number_missing", "classifier macro_f1 was not measured", {"numbers": numbers(macro_f1=None)}, LIMITS),
    ("number_missing", "cascade box_recall was not measured", {"numbers": numbers(box_recall=NAN)}, LIMITS),
    ("number_missing", "classifier auc was not", {}, limits(classifier={"auc": Limit(floor=0.1)})),
    ("below_floor", "macro_f1 is 0.7900, below the floor 0.8", {"numbers": numbers(macro_f1=0.79)}, LIMITS),
    ("below_floor", "semseg/dog mean_iou is 0.3900", {"numbers": numbers(dog=0.39)}, LIMITS),
    ("above_ceiling", "is 0.1100, above the ceiling 0.1", {"numbers": numbers(calibration_error=0.11)}, LIMITS),
    ("too_few_photos", "19 test photos judge nothing; at least 20", {"test_photos": 19}, LIMITS),
    ("too_little_support", "macro_f1 rests on 49 photos", {"support": {"classifier": 49}}, LIMITS),
    ("too_little_support", "macro_f1 rests on 0 photos", {"support": {}}, LIMITS),
    ("comparison_missing", "macro_f1 was not compared", {"paired": pairs(macro_f1=(None, None))}, LIMITS),
    ("comparison_missing", "macro_f1 was not compared", {"paired": pairs(macro_f1=(NAN, NAN))}, LIMITS),
    ("worse_than_champion", "macro_f1 may be 0.0110 worse", {"paired": pairs(macro_f1=(-0.011, 0.5))}, LIMITS),
    ("worse_than_champion", "calibration_error may be 0.0300", {"paired": pairs(calibration_error=(-0.5, 0.03))}, LIMITS),
    ("comparison_missing", "with the champion on photos of", on_theirs(paired=pairs(macro_f1=(None, None))), LIMITS),
    ("comparison_missing", "with the champion on photos of", on_theirs(paired=pairs(macro_f1=(NAN, NAN))), LIMITS),
    ("comparison_missing", "box_recall was not compared", on_theirs(paired={k: v for k, v in pairs().items() if "box" not in k}), LIMITS),
    ("worse_on_champions_photos", "macro_f1 may be 0.0110 worse than the champion's on photos of the champion's dataset, more than 0.01", on_theirs(paired=pairs(macro_f1=(-0.011, 0.5))), LIMITS),
    ("worse_on_champions_photos", "calibration_error may be 0.0300", on_theirs(paired=pairs(calibration_error=(-0.5, 0.03))), LIMITS),
    ("worse_on_champions_photos", "box_recall may be 0.0010", on_theirs(paired=pairs(box_recall=(-0.001, 0.0)), support={}), LIMITS),
    ("slices_missing", "measured none", {"slices": None}, LIMITS),
    ("slices_missing", "class cat, f1 was not compared", {"slices": [row(None)]}, LIMITS),
    ("slice_regression", "class cat, f1 is 0.1000 worse", {"slices": [row(-0.1), row(0.3, name="dog")]}, LIMITS),
    ("size_missing", "is not known", {"megabytes": None}, LIMITS),
    ("too_large", "take 100.1 MB, more than 100", {"megabytes": 100.1}, LIMITS),
    ("withdrawn", "was rolled back", {"turned_down": "withdrawn"}, LIMITS),
    ("rejected", "turned down by a person", {"turned_down": "rejected"}, LIMITS),
]  # fmt: skip


@pytest.mark.parametrize(("code", "text", "changed", "asked"), CASES)
def test_one_fault_is_one_reason_and_nothing_is_promoted(
    code: str, text: str, changed: dict[str, Any], asked: Limits
) -> None:
    verdict = judge(replace(GOOD, **changed), asked)
    assert not verdict.promote
    assert [reason.code for reason in verdict.reasons] == [code]
    assert text in verdict.reasons[0].text


def test_every_code_has_its_case() -> None:
    assert {code for code, *_ in CASES} == set(CODES)


def test_what_is_good_enough_passes_and_all_that_was_judged_is_told() -> None:
    verdict = judge(GOOD, LIMITS)
    assert verdict.promote
    assert verdict.reasons == ()
    assert {(found.part, found.number, found.passed) for found in verdict.judged} == {
        ("classifier", "macro_f1", True),
        ("classifier", "calibration_error", True),
        ("semseg/cat", "mean_iou", True),
        ("semseg/dog", "mean_iou", True),
        ("cascade", "box_recall", True),
    }
    assert "on the same photos" in verdict.note
    assert [found.name for found in verdict.changed_most] == ["dog", "cat"]


def test_the_first_candidate_is_judged_by_floors_alone_and_the_verdict_says_so() -> None:
    first = replace(GOOD, paired=None, slices=None, champion=None)
    assert judge(first, LIMITS).promote
    assert judge(first, LIMITS).note == "there is no champion yet: only floors were judged"
    assert not judge(replace(first, numbers=numbers(macro_f1=0.79)), LIMITS).promote
    assert "other classes" in judge(replace(first, champion=3), LIMITS).note


def test_a_release_without_clusters_needs_no_segmentation() -> None:
    found = {part: named for part, named in numbers().items() if not part.startswith("semseg")}
    assert judge(replace(GOOD, numbers=found), LIMITS).promote


@pytest.mark.parametrize(("low", "promote"), [(-0.01, True), (-0.0101, False), (0.02, True)])
def test_against_the_champion_the_lower_end_of_the_difference_decides(low: float, promote: bool) -> None:
    assert judge(replace(GOOD, paired=pairs(macro_f1=(low, 0.5))), LIMITS).promote is promote


@pytest.mark.parametrize(("low", "promote"), [(-0.01, True), (-0.0101, False), (0.02, True)])
def test_on_the_champions_photos_the_same_margin_decides(low: float, promote: bool) -> None:
    verdict = judge(replace(GOOD, **on_theirs(paired=pairs(macro_f1=(low, 0.5)))), LIMITS)
    assert verdict.promote is promote
    (row,) = (row for row in verdict.on_champions_photos if row.number == "macro_f1")
    assert (row.may_lose, row.passed) == (0.01, promote)


@pytest.mark.parametrize(("high", "promote"), [(0.02, True), (0.021, False)])
def test_a_calibration_error_without_a_ceiling_is_worse_when_it_is_larger(high: float, promote: bool) -> None:
    asked = limits(classifier={"calibration_error": Limit(may_lose=0.02)})
    assert judge(replace(GOOD, paired=pairs(calibration_error=(-0.5, high))), asked).promote is promote


BAD = pairs(macro_f1=(-0.5, 0.0), calibration_error=(0.0, 0.5), box_recall=(-0.5, 0.0))


@pytest.mark.parametrize(
    ("changed", "asked", "why"),
    [
        (on_theirs(paired=BAD, left_out="its photos are gone"), LIMITS, "its photos are gone"),
        (on_theirs(paired=BAD, photos=19), LIMITS, "19 photos judge nothing; at least 20 are needed"),
    ],
)
def test_champions_photos_that_are_left_out_refuse_nothing_and_the_verdict_says_why(
    changed: dict[str, Any], asked: Limits, why: str
) -> None:
    verdict = judge(replace(GOOD, **changed), asked)
    assert verdict.promote
    assert verdict.on_champions_photos == ()
    assert verdict.left_out == why
    assert verdict.note.endswith(f"not on photos of the champion's dataset: {why}")


def test_what_too_few_of_the_champions_photos_show_is_not_judged_there_and_told() -> None:
    asked = limits(semseg={"mean_iou": Limit(floor=0.4, may_lose=0.0, min_photos=0)})
    theirs = pairs(macro_f1=(-0.5, 0.0))
    own = GOOD.paired | {f"semseg/{name}/mean_iou": pairs()["cascade/box_recall"] for name in ("cat", "dog")}
    theirs["semseg/dog/mean_iou"] = own["semseg/dog/mean_iou"]
    support = {"classifier": 49, "cascade": 49, "semseg/cat": 0, "semseg/dog": 9}
    changed = on_theirs(photos=49, paired=theirs, support=support)
    verdict = judge(replace(GOOD, paired=own, **changed), asked)
    assert verdict.promote
    assert verdict.not_judged == (
        "classifier macro_f1 rests on 49 of these photos, fewer than 50",
        "semseg/cat mean_iou rests on 0 of these photos, fewer than 1",
    )
    judged = [(row.part, row.number) for row in verdict.on_champions_photos]
    assert judged == [
        ("classifier", "calibration_error"),
        ("semseg/dog", "mean_iou"),
        ("cascade", "box_recall"),
    ]


def test_without_a_dataset_of_the_champions_own_nothing_more_is_judged_or_said() -> None:
    verdict = judge(replace(GOOD, champions_photos=None), LIMITS)
    assert (verdict.promote, verdict.on_champions_photos, verdict.not_judged, verdict.left_out) == (True, (), (), "")
    assert "champion's dataset" not in verdict.note


def test_every_reason_is_told_at_once_with_its_part() -> None:
    bad = replace(GOOD, numbers=numbers(macro_f1=0.5, cat=0.1), test_photos=3, paired=pairs(box_recall=(-0.1, 0.0)))
    assert sorted((reason.code, reason.part) for reason in judge(bad, LIMITS).reasons) == [
        ("below_floor", "classifier"),
        ("below_floor", "semseg/cat"),
        ("too_few_photos", ""),
        ("worse_than_champion", "cascade"),
    ]


def test_the_documentation_names_every_code() -> None:
    text = (Path(__file__).parents[2] / "docs/promotion.md").read_text(encoding="utf-8")
    assert {
        line.split("`")[1]: line.split("|")[2].strip() for line in text.splitlines() if line.startswith("| `")
    } == CODES


@pytest.mark.parametrize(
    ("parts", "failed"),
    [
        (["semseg/dog"], ("dog",)),
        (["semseg/dog", "cascade", "semseg/cat", "semseg/dog"], ("cat", "dog")),
        (["cascade"], ()),
        (["semseg/dog", "classifier"], ()),
        (["semseg/dog", ""], ()),
        ([], ()),
    ],
)
def test_clusters_failed_alone_where_only_they_and_what_rests_on_them_did(
    parts: list[str], failed: tuple[str, ...]
) -> None:
    assert failed_clusters([Reason("below_floor", "too low", part) for part in parts]) == failed
