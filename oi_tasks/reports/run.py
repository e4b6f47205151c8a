"""The page of a retrain: the verdict in a sentence, then the numbers behind it."""

from collections.abc import Iterable, Mapping
from typing import Any

from oi_tasks.reports.costs import Costs
from oi_tasks.reports.numbers import MEANS, NAMES, interval
from oi_tasks.reports.page import render
from oi_tasks.reports.plots import Curve, training_curves


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
