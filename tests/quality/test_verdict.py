"""May the data go on? What is missing, or no number, is a reason against it."""

from typing import Any

import pytest

from oi_tasks.quality.verdict import reasons_against

GOOD: dict[str, Any] = {"findings": [], "expectations": [{"status": "passed"}], "quarantined_share": 0.001}
CRITICAL = {"code": "hierarchy_cycle", "severity": "critical", "what": "Labels in a cycle", "count": 2}


def codes(**changes: Any) -> list[str]:
    return [reason.code for reason in reasons_against(GOOD | changes, 0.001)]


def test_good_data_may_go_on() -> None:
    assert codes() == []
    assert codes(findings=[CRITICAL | {"severity": "warning"}]) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"findings": [CRITICAL]}, "hierarchy_cycle"),
        ({"expectations": [{"status": "raised"}]}, "check_raised"),
        ({"expectations": []}, "not_judged"),
        ({"quarantined_share": 0.00100001}, "too_much_set_apart"),
        ({"quarantined_share": float("nan")}, "no_share"),
        ({"quarantined_share": None}, "no_share"),
    ],
)
def test_one_reason_is_enough(changes: dict[str, Any], code: str) -> None:
    assert codes(**changes) == [code]


def test_nothing_known_is_refused() -> None:
    assert [reason.code for reason in reasons_against({}, 1.0)] == ["not_judged", "no_share"]


def test_a_limit_that_is_no_number_refuses() -> None:
    assert [reason.code for reason in reasons_against(GOOD, float("nan"))] == ["too_much_set_apart"]
