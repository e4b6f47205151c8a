"""The page of a retrain, from a verdict with every kind of content."""

from typing import Any

from oi_tasks.core.verdict_document import VerdictDocument
from oi_tasks.reports.run import run_page

NUMBER = {"value": 0.9, "low": 0.88, "high": 0.92}
VERDICT: dict[str, Any] = {
    "decision": "refuse",
    "reasons": [{"code": "slice_regression", "text": "class <b>cat</b> is 0.1 worse", "part": ""}],
    "note": "compared with the champion",
    "candidate": 4,
    "champion": 3,
    "evaluation": "e" * 20,
    "profile": "demo",
    "judged": [
        {"part": "classifier", "number": "macro_f1", "value": 0.9, "floor": 0.8, "may_lose": 0.01, "lost_at_most": 0.0, "passed": True, "ceiling": None, "champion": 0.911, "difference": -0.011},
        {"part": "classifier", "number": "calibration_error", "value": 0.2, "floor": None, "may_lose": None, "lost_at_most": None, "passed": False, "ceiling": 0.1},
    ],
    "thresholds": {},
    "changed_most": [
        {"kind": "box_size", "value": "small", "name": "small", "metric": "recall", "photos": 1234, "candidate": 0.7, "champion": 0.81, "difference": -0.11, "low": -0.15, "high": -0.07}
    ],
}  # fmt: skip
SCORES: dict[str, Any] = {
    "test_photos": 100,
    "numbers": {"classifier": {"macro_f1": NUMBER}},
    "champion": None,
    "differences": None,
    "classes": [],
}


def page(verdict: dict[str, Any], promoted: bool = False) -> str:
    document = VerdictDocument.model_validate(verdict).model_dump(mode="json")
    return run_page(document, SCORES, {}, "d" * 20, "http://mlflow", promoted)


def test_a_refusal_says_why_and_what_changed_most() -> None:
    text = page(VERDICT)
    assert "Version 4 was refused; version 3 stays the champion." in text
    assert "class &lt;b&gt;cat&lt;/b&gt; is 0.1 worse <code>slice_regression</code>" in text
    assert "What changed most" in text
    assert "box size small" in text
    assert "-0.110 (-0.150 to -0.070)" in text
    assert "at most 0.100" in text
    assert "0.911" in text


def test_a_first_champion_has_nothing_to_compare_with() -> None:
    first = VERDICT | {"decision": "promote", "reasons": [], "champion": None, "changed_most": []}
    text = page(first, promoted=True)
    assert "Version 4 of oi-cascade is the champion now." in text
    assert "What changed most" not in text
