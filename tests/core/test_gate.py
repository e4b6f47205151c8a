"""The gate, case by case: it passes only what is measured, configured and good enough."""

from typing import Any

import pytest

from oi_tasks.core.gate import Limit, Verdict, judge

LIMITS = {
    "classifier": {"macro_f1": Limit(floor=0.8, may_lose=0.01)},
    "semseg": {"mean_iou": Limit(floor=0.4)},
    "cascade": {"box_recall": Limit(floor=0.2, may_lose=0.0)},
}


def number(value: float | None, low: float | None = 0.0) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": 1.0}


def numbers(**changed: float | None) -> dict[str, Any]:
    values = {"macro_f1": 0.9, "cat": 0.5, "dog": 0.6, "box_recall": 0.3} | changed
    return {
        "classifier": {"macro_f1": number(values["macro_f1"])},
        "semseg/cat": {"mean_iou": number(values["cat"])},
        "semseg/dog": {"mean_iou": number(values["dog"])},
        "cascade": {"box_recall": number(values["box_recall"])},
    }


def differences(f1_low: float | None = 0.0, recall_low: float | None = 0.0) -> dict[str, Any]:
    return {"classifier": {"macro_f1": number(0.0, f1_low)}, "cascade": {"box_recall": number(0.0, recall_low)}}


def verdict(found: dict[str, Any], limits: Any = LIMITS, photos: int = 100, against: Any = None) -> Verdict:
    return judge(found, limits, photos, 20, against, None if against is None else 1)


def codes(said: Verdict) -> list[str]:
    return [reason.code for reason in said.reasons]


def test_what_is_good_enough_passes_and_all_that_was_judged_is_told() -> None:
    said = verdict(numbers())
    assert said.promote
    assert said.reasons == ()
    assert {(row.part, row.passed) for row in said.judged} == {
        ("classifier", True),
        ("semseg/cat", True),
        ("semseg/dog", True),
        ("cascade", True),
    }
    assert "only floors" in said.note


@pytest.mark.parametrize(
    ("changed", "code", "text"),
    [
        ({"macro_f1": 0.79}, "below_floor", "classifier macro_f1 is 0.7900, below the floor 0.8"),
        ({"dog": 0.39}, "below_floor", "semseg/dog mean_iou is 0.3900, below the floor 0.4"),
        ({"macro_f1": None}, "number_missing", "classifier macro_f1 was not measured"),
        ({"box_recall": float("nan")}, "number_missing", "cascade box_recall was not measured"),
    ],
)
def test_what_is_bad_or_missing_is_refused(changed: dict[str, float | None], code: str, text: str) -> None:
    said = verdict(numbers(**changed))
    assert not said.promote
    assert [(reason.code, reason.text) for reason in said.reasons] == [(code, text)]


def test_without_thresholds_nothing_passes() -> None:
    assert codes(verdict(numbers(), {"classifier": {}, "semseg": {}, "cascade": {}})) == ["no_thresholds"]


def test_a_threshold_that_says_nothing_is_refused() -> None:
    assert codes(verdict(numbers(), {"classifier": {"macro_f1": Limit()}})) == ["no_threshold"]


def test_too_few_test_photos_judge_nothing() -> None:
    assert codes(verdict(numbers(), photos=19)) == ["too_few_photos"]


def test_a_part_that_is_not_there_is_refused() -> None:
    found = numbers()
    del found["cascade"]
    assert codes(verdict(found)) == ["part_missing"]


def test_a_release_without_clusters_needs_no_segmentation() -> None:
    found = {part: named for part, named in numbers().items() if not part.startswith("semseg")}
    assert verdict(found).promote


@pytest.mark.parametrize(
    ("low", "promote"), [(-0.01, True), (-0.011, False), (0.02, True), (None, False), (float("nan"), False)]
)
def test_against_the_champion_the_lower_end_of_the_difference_decides(low: float | None, promote: bool) -> None:
    said = verdict(numbers(), against=differences(f1_low=low))
    assert said.promote is promote
    assert "same photos" in said.note


def test_every_reason_is_told_at_once() -> None:
    said = verdict(numbers(macro_f1=0.5, cat=0.1), photos=3, against=differences(-0.2, -0.1))
    assert sorted(codes(said)) == sorted(
        ["too_few_photos", "below_floor", "worse_than_champion", "below_floor", "worse_than_champion"]
    )
