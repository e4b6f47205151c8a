"""Row rules: what is set apart, for which reason, and that no row is lost."""

import polars as pl
import pytest

from oi_tasks.errors import OiError
from oi_tasks.quality import table
from oi_tasks.quality.rows import RowRule, RowTally, judge_rows
from tests.quality.conftest import Frames, Judge, change

FRAME = pl.DataFrame(
    {"ImageID": ["a", "b", "c", "d"], "LabelName": ["/m/x"] * 4, "low": [0, 5, 5, None], "row": [0, 1, 2, 3]}
)


def rule(place: int, code: str, sql: str, *, set_apart: bool = True, reason: str = "") -> RowRule:
    reasons = pl.sql_expr(reason) if reason else pl.lit(code)
    return RowRule(place, code, pl.sql_expr(sql), set_apart, reasons, ("low",))


def test_a_row_is_set_apart_for_the_first_rule_it_breaks() -> None:
    judged = judge_rows("boxes", FRAME, [rule(0, "five", "low = 5"), rule(1, "c", "ImageID >= 'c'")])
    assert judged.clean["ImageID"].to_list() == ["a"]
    assert judged.quarantine.select("ImageID", "row", "reason").rows() == [
        ("b", 1, "five"),
        ("c", 2, "five"),
        ("d", 3, "c"),
    ]
    assert judged.broken == {0: 2, 1: 2}
    assert judged.apart["five"][0] == {"ImageID": "b", "LabelName": "/m/x", "low": 5, "row": 1}


def test_a_rule_that_only_counts_sets_nothing_apart() -> None:
    judged = judge_rows("boxes", FRAME, [rule(0, "five", "low = 5", set_apart=False)])
    assert judged.clean.equals(FRAME)
    assert (judged.by_code, judged.quarantine.height) == ({"five": 2}, 0)


def test_where_a_rule_cannot_tell_the_row_keeps_it() -> None:
    assert judge_rows("boxes", FRAME, [rule(0, "five", "low <> 0")]).clean["ImageID"].to_list() == ["a", "d"]


def test_rows_that_break_two_rules_of_one_code_count_once() -> None:
    judged = judge_rows("boxes", FRAME, [rule(0, "odd", "low = 5"), rule(1, "odd", "ImageID = 'b'")])
    assert judged.by_code == {"odd": 2}


def test_a_reason_may_be_worked_out() -> None:
    judged = judge_rows("boxes", FRAME, [rule(0, "five", "low = 5", reason="'of_' || ImageID")])
    assert judged.quarantine["reason"].to_list() == ["of_b", "of_c"]


def test_a_rule_that_raises_is_named_and_the_others_go_on() -> None:
    judged = judge_rows("boxes", FRAME, [rule(0, "five", "low = 5"), rule(1, "bad", "CAST(ImageID AS INT) > 1")])
    assert list(judged.errors) == [1]
    assert judged.by_code == {"five": 2}


def test_tallies_add_up_and_keep_twenty_examples() -> None:
    tally = RowTally()
    for _ in range(30):
        tally.add(judge_rows("boxes", FRAME, [rule(0, "five", "low = 5")]))
    assert (tally.broken[0], tally.by_code["five"], tally.reasons["five"]) == (60, 60, 60)
    assert (len(tally.examples["five"]), len(tally.apart["five"])) == (20, 20)


def test_a_lost_row_ends_the_job(frames: Frames, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    frames["boxes"] = change(frames["boxes"], 3, XMin=0.4)

    def lossy(*given):
        judged = judge_rows(*given)
        return (
            judged
            if judged.quarantine.is_empty()
            else type(judged)(**(vars(judged) | {"quarantine": judged.quarantine.clear()}))
        )

    monkeypatch.setattr(table, "judge_rows", lossy)
    with pytest.raises(OiError, match="boxes: 16 rows in and 0 added are not 15 out and 0 apart"):
        judge(frames)
