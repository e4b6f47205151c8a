"""The sentence on a run: each way that a run can end, in words."""

from typing import Any

import pytest

from oi_tasks.reports.note import LONGEST, refusal, run_note

FLOOR = {"code": "below_floor", "text": "classifier macro_f1 is 0.4100, below the floor 0.6"}


def said(reused: bool = False, **result: Any) -> dict[str, Any]:
    return {"id": "ab12cd34ef56ab12cd34", "reused": reused, "result": result}


def ingest(reused: bool = False, warnings: int = 3) -> dict[str, Any]:
    return {
        "fetch": said(reused),
        "snapshot": said(reused, photos=1600, boxes=9),
        "validate": said(reused, warnings=warnings),
        "data_gate": said(reused),
        "collapse": said(reused, classes=16, clusters=("animal", "vehicle")),
        "publish": None,
    }


def retrain(reused: bool = False, **results: Any) -> dict[str, Any]:
    return {
        "plan": said(False, champion=3),
        "train_classifier": said(reused),
        "train_semseg": [said(reused), said(reused)],
        "gate": said(reused, verdict="promote", reasons=[], candidate=4, champion=3, kept=()),
        "serve_check": said(reused, verdict="serves", reasons=[]),
        "turn_down": None,
        "promote": said(reused, version=4, previous=3),
        "report": said(reused),
        **results,
    }


REFUSED = {
    "gate": said(verdict="refuse", reasons=[FLOOR], candidate=4, champion=3, kept=()),
    "serve_check": None,
    "promote": None,
}
WAYS: list[tuple[str, dict[str, Any], dict[str, str], str]] = [
    (
        "oi_ingest",
        ingest(),
        {},
        "snapshot ab12cd34 accepted: 1,600 photos, 3 warnings; 16 classes in 2 clusters to train",
    ),
    (
        "oi_ingest",
        ingest(True, 1),
        {},
        "nothing new: every step was reused; snapshot ab12cd34 accepted: 1,600 photos, 1 warning; 16 classes in"
        " 2 clusters to train",
    ),
    (
        "oi_ingest",
        ingest() | {"data_gate": None, "collapse": None},
        {"data_gate": "data_gate ended with status 3: oi: 4.1 % of the rows were set apart"},
        "stopped at the data gate: 4.1 % of the rows were set apart",
    ),
    ("oi_ingest", {"fetch": None}, {"fetch": "", "tables": "x"}, "failed at fetch: its log says why; so did tables"),
    ("oi_retrain", retrain(), {}, "promoted version 4 of oi-cascade, before it was version 3"),
    (
        "oi_retrain",
        retrain(gate=said(verdict="promote", reasons=[], candidate=4, champion=3, kept=("fish",))),
        {},
        "promoted version 4 of oi-cascade, before it was version 3; fish failed and kept the champion's model",
    ),
    (
        "oi_retrain",
        retrain(gate=said(verdict="promote", reasons=[], candidate=4, champion=3, kept=("fish",))),
        {"train_semseg": "train_semseg was killed for want of memory (OOMKilled)"},
        "promoted version 4 of oi-cascade, before it was version 3; fish failed and kept the champion's model;"
        " failed at train_semseg: train_semseg was killed for want of memory (OOMKilled)",
    ),
    ("oi_retrain", retrain(**REFUSED), {}, f"refused: version 4 of oi-cascade: {FLOOR['text']}"),
    (
        "oi_retrain",
        retrain(promote=None, turn_down=said(candidate=4, entry=1, by="ann", why="the dogs are gone")),
        {},
        "version 4 of oi-cascade was turned down by ann: the dogs are gone",
    ),
    (
        "oi_retrain",
        retrain(True),
        {},
        "nothing new: every step was reused; version 4 of oi-cascade stays the champion",
    ),
    ("oi_retrain", {"plan": None, "gate": None}, {}, "nothing was done: no dataset is published yet"),
    (
        "oi_rollback",
        {"roll_back": said(version=2, left=3)},
        {},
        "version 2 of oi-cascade is the champion again instead of version 3",
    ),
    (
        "oi_baseline",
        {
            "evaluate": said(True),
            "train_detector": said(),
            "compare_detector": said(numbers={"cascade": {"map": 0.552}, "detector": {"map": 0.606}}),
        },
        {},
        "mean average precision 0.552 of the cascade, 0.606 of the detector",
    ),
    (
        "oi_baseline",
        {"compare_detector": said(numbers={"cascade": {"map": 0.552}, "detector": {"map": 0.606}})},
        {"train_semseg": "the node is gone"},
        "mean average precision 0.552 of the cascade, 0.606 of the detector; failed at train_semseg: the node is gone",
    ),
    ("oi_baseline", {"evaluate": said()}, {"train_detector": "no class"}, "failed at train_detector: no class"),
    (
        "oi_ablation",
        {
            "train_classifier": [said(True), said()],
            "compare_variants": said(helps=["focal loss", "SWA"], hurts=["strips"]),
        },
        {},
        "2 trainings compared, 1 of them new: focal loss, SWA help; strips hurts",
    ),
    (
        "oi_housekeeping",
        {"housekeeping": said(outputs=2, objects=1, work_files=0, model_versions=0, megabytes=12.3, removed=False)},
        {},
        "past their time: 2 outputs, 1 object (12 MB); nothing was removed",
    ),
    (
        "oi_watch",
        {"alias_watch": said(champion=4, entries=12, moved=None)},
        {},
        "version 4 of oi-cascade is the champion, as the ledger of 12 entries says",
    ),
    (
        "oi_watch",
        {"alias_watch": said(champion=2, entries=13, moved=13)},
        {},
        "version 2 of oi-cascade is the champion: moved by hand, which entry 13 of the ledger says now",
    ),
    (
        "oi_watch",
        {"alias_watch": said(champion=None, entries=0, moved=None)},
        {},
        "there is no champion, as the ledger of 0 entries says",
    ),
    (
        "oi_watch",
        {"alias_watch": None},
        {"alias_watch": "alias_watch ended with status 1: oi: entry 7 of the ledger is missing"},
        "failed at alias_watch: entry 7 of the ledger is missing",
    ),
]


@pytest.mark.parametrize(("dag", "results", "failed", "sentence"), WAYS)
def test_each_way_has_its_sentence(dag: str, results: dict[str, Any], failed: dict[str, str], sentence: str) -> None:
    assert run_note(dag, results, failed) == sentence


UNSERVED = said(verdict="refuse", reasons=[{"code": "too_slow", "text": "too slow"}])
UNANSWERED = said(candidate=4, entry=1, by="", why="nobody answered, and the time was up")


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        (retrain(**REFUSED), f"refused: version 4 of oi-cascade: {FLOOR['text']}"),
        (
            retrain(promote=None, serve_check=UNSERVED),
            "not promoted: version 4 of oi-cascade does not serve: too slow",
        ),
        (
            retrain(promote=None, turn_down=said(candidate=4, entry=1, by="ann", why="the dogs\n are gone")),
            "version 4 of oi-cascade was turned down by ann: the dogs are gone",
        ),
        (
            retrain(promote=None, turn_down=UNANSWERED),
            "version 4 of oi-cascade was turned down: nobody answered, and the time was up",
        ),
        (retrain(), ""),
        (retrain(True), ""),
        (retrain(True, **REFUSED | {"gate": REFUSED["gate"] | {"reused": True}}), ""),  # told on an earlier night
        (retrain(promote=None), ""),  # it failed on the way: told as a step that failed
        ({"plan": said(), "gate": None}, ""),
        (ingest(), ""),
    ],
)
def test_what_ends_without_a_promotion_has_its_reason_and_nothing_else_has(results, sentence: str) -> None:
    assert refusal(results) == sentence


@pytest.mark.parametrize("computed", ["train_classifier", "gate", "report"])
def test_one_step_that_was_computed_is_something_new(computed: str) -> None:
    results = retrain(True)
    results[computed] = results[computed] | {"reused": False}
    assert "nothing new" not in run_note("oi_retrain", results, {})
    results = retrain(True, train_semseg=[said(True), said(False)])
    assert "nothing new" not in run_note("oi_retrain", results, {})


def test_what_a_run_used_is_summed_over_its_steps_and_mapped_ones() -> None:
    used = {"cpu_seconds": 600.4, "gpu_seconds": 1000.0, "stored_bytes": 1_500_000}
    trained = [said() | {"used": used}, said(True) | {"used": None}, said() | {"used": used}]
    note = run_note("oi_retrain", retrain(train_semseg=trained), {})
    assert note.endswith("; it took 1,201 CPU seconds, 2,000 GPU seconds, and stored 3.0 MB")


def test_why_it_was_started_stands_beside_and_a_note_is_never_too_long() -> None:
    assert run_note("oi_retrain", retrain(), {}, "new labels\n of dogs").endswith(
        "(started because: new labels of dogs)"
    )
    reasons = [FLOOR] * 5
    gate = said(verdict="refuse", reasons=reasons, candidate=4, champion=3)
    assert run_note("oi_retrain", retrain(**REFUSED) | {"gate": gate}, {}).endswith("; and 2 more")
    assert len(run_note("oi_ingest", {}, {"fetch": "x" * 2000})) == LONGEST
