"""The page of a retrain: the verdict in a sentence, then the numbers behind it."""

from collections.abc import Iterable, Mapping
from typing import Any

from oi_tasks.reports.costs import Costs
from oi_tasks.reports.page import fixed, render
from oi_tasks.reports.plots import Curve, training_curves

NAMES = {
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "top1_accuracy": "top-1 accuracy",
    "calibration_error": "calibration error",
    "mean_iou": "mean IoU",
    "box_recall": "box recall",
    "box_precision": "box precision",
    "box_recall_small": "box recall, small",
    "box_recall_medium": "box recall, medium",
    "box_recall_large": "box recall, large",
    "map": "mAP",
}
MEANS = {
    "macro_f1": "mean of the classes' F1, at the thresholds set on the tune photos",
    "micro_f1": "F1 of all labels of all classes together",
    "top1_accuracy": "share of the photos of one class whose likeliest class is right",
    "calibration_error": "mean distance of what the classifier's probabilities say from what is true; less is better",
    "mean_iou": "intersection over union of masks, from cells summed over all photos, mean over classes",
    "box_recall": "share of the true boxes found with an IoU of at least 0.5",
    "box_precision": "share of the boxes found that are true ones",
    "box_recall_small": "the same for boxes under 1 % of the photo's area",
    "box_recall_medium": "the same for boxes from 1 % to 10 % of it",
    "box_recall_large": "the same for boxes of 10 % or more",
    "map": "mean average precision of the boxes, as Open Images defines it",
}


def run_page(
    verdict: Mapping[str, Any],
    scores: Mapping[str, Any],
    curves: Mapping[str, Curve],
    dataset: str,
    mlflow_url: str,
    promoted: bool,
    costs: Costs,
    pages: Mapping[str, str],
    stopped: str = "",
) -> str:
    """The page of one retrain, as self-contained HTML.

    `verdict` is the gate's document, `scores` the evaluation's; `curves` are the figures of each epoch, by model;
    `costs` what the run used; `pages` the addresses of other pages on the same data and model, by what they are about;
    `stopped` says what stopped a candidate after the gate.
    """
    elsewhere = verdict.get("champions_photos")  # verdicts of before have none
    return render(
        "run.html.j2",
        verdict=verdict,
        scores=scores,
        outcome=outcome(verdict, promoted, stopped),
        promoted=promoted,
        stopped=stopped,
        dataset=dataset,
        mlflow_url=mlflow_url,
        judged=_named(verdict["judged"]),
        elsewhere=elsewhere,
        judged_elsewhere=_named(elsewhere["judged"]) if elsewhere else [],
        changed=[row for row in verdict.get("changed_most", ()) if row["difference"]],
        rows=rows(scores),
        means={NAMES[name]: text for name, text in MEANS.items()},
        classes=sorted(scores["classes"], key=lambda row: (row["f1"] is None, row["f1"], row["name"])),
        curves=training_curves(curves, NAMES) if any(curves.values()) else "",
        interval=interval,
        costs=costs,
        pages=pages,
        cost_rows=[*costs.rows, *([costs.run] if costs.rows else []), costs.version],
    )


def not_promoted(served: Mapping[str, Any] | None, turned_down: Mapping[str, Any] | None) -> str:
    """What stopped a candidate after the gate, by the results of the serve check and of turning down; else empty."""
    if turned_down is not None:
        who, why = turned_down.get("by"), turned_down.get("why")
        told = f": {why}" if why else ""
        return f"{who} turned it down{told}" if who else f"it was not approved{told}"
    if served is not None and served["verdict"] != "serves":
        return f"it does not serve: {'; '.join(reason['text'] for reason in served['reasons'])}"
    return ""


def outcome(verdict: Mapping[str, Any], promoted: bool, stopped: str = "") -> str:
    """What became of the candidate, in a sentence. `stopped`: what stopped it after the gate."""
    candidate, champion = verdict["candidate"], verdict["champion"]
    if promoted:
        before = f"; before it, version {champion} was" if champion not in (None, candidate) else ""
        return f"Version {candidate} of oi-cascade is the champion now{before}."
    stays = f"version {champion} stays the champion" if champion is not None else "there is no champion"
    if verdict["decision"] == "promote":
        why = f": {stopped.rstrip('.')}; {stays}" if stopped else ""
        return f"Version {candidate} passed the gate, and was not promoted{why}."
    return f"Version {candidate} was refused; {stays}."


def _named(judged: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "name": NAMES.get(row["number"], row["number"])} for row in judged]


def rows(scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row a number: the candidate's, the champion's, and their difference."""
    champion, differences = scores["champion"] or {}, scores["differences"] or {}
    return [
        {
            "part": part,
            "name": NAMES.get(name, name),
            "ours": ours,
            "theirs": champion.get(part, {}).get(name),
            "difference": differences.get(part, {}).get(name),
        }
        for part, named in scores["numbers"].items()
        for name, ours in named.items()
    ]


def interval(found: Mapping[str, float | None] | None) -> str:
    """A number with its interval: `0.874 (0.861 to 0.886)`."""
    if found is None or found["value"] is None:
        return fixed(None)
    if found["low"] is None or found["high"] is None:
        return fixed(found["value"])
    return f"{fixed(found['value'])} ({fixed(found['low'])} to {fixed(found['high'])})"
