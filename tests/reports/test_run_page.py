"""The page of a retrain, from a verdict with every kind of content."""

import re
from typing import Any

import pytest

from oi_tasks.core.verdict_document import VerdictDocument
from oi_tasks.profile import Prices
from oi_tasks.reports.approval import as_markdown
from oi_tasks.reports.costs import costs, metrics, tags
from oi_tasks.reports.run import not_promoted, outcome, run_page

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


STEPS: list[dict[str, Any]] = [
    {"job": "shards", "reused": True, "used": None, "result": {}},
    {"job": "train_classifier", "reused": False, "used": {"cpu_seconds": 1800.0, "gpu_seconds": 3600.0, "stored_bytes": 2_000_000_000}, "result": {}},
    {"job": "train_semseg", "reused": False, "used": {"cpu_seconds": 1800.0, "gpu_seconds": 0.0, "stored_bytes": 0}, "result": {"cluster": "fish"}},
]  # fmt: skip
MADE: list[dict[str, Any]] = [{"used": {"cpu_seconds": 7200.0, "gpu_seconds": 3600.0, "stored_bytes": 10}}, {}]
PRICES = Prices(cpu_hour=0.5, gpu_hour=2.0, gb_month=0.25, currency="CHF")


def page(verdict: dict[str, Any], promoted: bool = False, prices: Prices | None = None, stopped: str = "") -> str:
    document = VerdictDocument.model_validate(verdict).model_dump(mode="json")
    return run_page(
        document,
        SCORES,
        {},
        "d" * 20,
        "http://mlflow",
        promoted,
        costs(STEPS, MADE, prices),
        {"classes": "../classes/a.html"},
        stopped,
    )


PASSED = VERDICT | {"decision": "promote", "reasons": []}
SERVES: dict[str, Any] = {"verdict": "serves", "reasons": []}


def test_a_refusal_says_why_and_what_changed_most() -> None:
    text = page(VERDICT)
    assert "Version 4 was refused; version 3 stays the champion." in text
    assert "class &lt;b&gt;cat&lt;/b&gt; is 0.1 worse <code>slice_regression</code>" in text
    assert "What changed most" in text
    assert "box size small" in text
    assert "-0.110 (-0.150 to -0.070)" in text
    assert "at most 0.100" in text
    assert "0.911" in text
    assert '<a href="../classes/a.html">classes</a>' in text


def test_what_was_judged_is_explained_and_the_bars_of_classes_have_a_heading() -> None:
    text = page(VERDICT)
    judged = text[text.index("What was judged") : text.index("What changed most")]
    for title in ("Limit", "May lose", "Loses at most"):
        assert f"{title}: " in judged
    heads = re.search(r'<table class="classes sort".*?</thead>', text, re.S)[0]
    assert "<td></td>" not in heads
    assert '<th scope="col">F1, 0 to 1</th>' in heads


ELSEWHERE: dict[str, Any] = {
    "dataset": "c" * 20,
    "photos": 24,
    "seen": 16,
    "judged": [
        {"part": "classifier", "number": "macro_f1", "value": 0.7, "floor": None, "may_lose": 0.01, "lost_at_most": 0.123, "passed": False, "champion": 0.75, "difference": -0.05},
    ],
    "not_judged": ["semseg/cat mean_iou rests on 0 of these photos, fewer than 1"],
}  # fmt: skip


def test_what_was_judged_on_photos_of_the_champions_dataset_is_shown_with_what_was_left_out() -> None:
    text = page(VERDICT | {"champions_photos": ELSEWHERE})
    section = text[text.index("On photos of the champion's dataset") : text.index("What changed most")]
    words = " ".join(re.sub("<[^>]*>", " ", section).split())
    assert f"The champion comes from the dataset {'c' * 20} . On 24 test photos of that one" in words
    assert "Left out: 16 test photos of it that the candidate was trained or tuned on." in words
    assert "classifier macro F1 0.700 0.750 -0.050 0.010 0.123 refused" in words
    assert "Not judged there: semseg/cat mean_iou rests on 0 of these photos, fewer than 1" in words


def test_why_nothing_was_judged_on_photos_of_the_champions_dataset_is_said_as_text() -> None:
    left = {"dataset": "c" * 20, "left_out": "the class map puts <b>dog</b> elsewhere"}
    text = page(PASSED | {"champions_photos": left})
    assert f"dataset <code>{'c' * 20}</code>: the class map puts &lt;b&gt;dog&lt;/b&gt; elsewhere." in text
    assert "champion's dataset" not in page(PASSED)


def test_a_first_champion_has_nothing_to_compare_with() -> None:
    first = VERDICT | {"decision": "promote", "reasons": [], "champion": None, "changed_most": []}
    text = page(first, promoted=True)
    assert "Version 4 of oi-cascade is the champion now." in text
    assert "What changed most" not in text


@pytest.mark.parametrize(
    ("served", "turned_down", "why"),
    [
        ({"verdict": "refuse", "reasons": [{"code": "a", "text": "it is slow"}, {"code": "b", "text": "it differs"}]}, None, "it does not serve: it is slow; it differs"),
        (SERVES, {"by": "ann", "why": "the dogs are gone."}, "ann turned it down: the dogs are gone"),
        (SERVES, {"by": "", "why": "nobody answered, and the time was up"}, "it was not approved: nobody answered, and the time was up"),
        (SERVES, {"candidate": 4}, "it was not approved"),  # as older outputs have it
    ],
)  # fmt: skip
def test_what_stopped_a_candidate_after_the_gate_is_said(served, turned_down, why: str) -> None:
    stopped = not_promoted(served, turned_down)
    text = page(PASSED, stopped=stopped)
    assert f"Version 4 passed the gate, and was not promoted: {why}; version 3 stays the champion." in text
    assert "Retrain: version 4 not promoted" in text


def test_where_nothing_stopped_it_nothing_is_said() -> None:
    assert not_promoted(SERVES, None) == not_promoted(None, None) == ""
    assert outcome(PASSED, False) == "Version 4 passed the gate, and was not promoted."


def test_what_a_run_cost_is_summed_and_what_was_reused_cost_nothing() -> None:
    text = page(VERDICT, prices=PRICES)
    rows = [" ".join(re.sub("<[^>]*>", " ", row).split()) for row in text.split("</tr>") if "CPU seconds" in row]
    assert rows[1:] == [
        "shards reused 0.0 0.0 0.00 0.0000",
        "train_classifier 1800.0 3600.0 2000.00 2.7500",
        "train_semseg [fish] 1800.0 0.0 0.00 0.2500",
        "This run 3600.0 3600.0 2000.00 3.0000",
        "This version 7200.0 3600.0 0.00 3.0000",
    ]
    assert "Price, CHF" in text
    assert "Price" not in page(VERDICT)


def test_what_is_logged_beside_the_model() -> None:
    found = costs(STEPS, MADE, PRICES)
    assert metrics(found.run) == {
        "spent/cpu_seconds": 3600.0, "spent/gpu_seconds": 3600.0, "spent/stored_bytes": 2e9, "spent/price": 3.0,
    }  # fmt: skip
    assert tags(found.version, found.currency)["price"] == "3.00 CHF"
    assert "price" not in tags(costs(STEPS, MADE, None).version, "")


def test_the_verdict_has_what_the_run_and_the_version_cost_and_who_approves_reads_it() -> None:
    cost = costs(STEPS, MADE, PRICES).plain()
    document = VerdictDocument.model_validate(PASSED | {"cost": cost}).model_dump(mode="json")
    assert document["cost"] == {
        "run": {"cpu_seconds": 3600.0, "gpu_seconds": 3600.0, "stored_bytes": 2_000_000_000, "price": 3.0},
        "version": {"cpu_seconds": 7200.0, "gpu_seconds": 3600.0, "stored_bytes": 10, "price": pytest.approx(3.0)},
        "currency": "CHF",
    }
    text = as_markdown(document, {})
    assert "This run up to here: 3,600 CPU seconds, 3,600 GPU seconds, 2,000.0 MB stored, 3.00 CHF." in text
    assert "Making this version: 7,200 CPU seconds, 3,600 GPU seconds, 0.0 MB stored, 3.00 CHF." in text


def test_without_prices_or_a_run_the_verdict_has_what_is_known() -> None:
    cost = costs([], [{"used": {"cpu_seconds": 5.0, "gpu_seconds": 0.0, "stored_bytes": 1_000_000}}], None).plain()
    document = VerdictDocument.model_validate(PASSED | {"cost": cost}).model_dump(mode="json")
    assert document["cost"]["run"] is None
    assert "Making this version: 5 CPU seconds, 1.0 MB stored." in as_markdown(document, {})
    assert "CPU seconds" not in as_markdown(VerdictDocument.model_validate(PASSED).model_dump(mode="json"), {})
