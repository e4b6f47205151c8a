"""The page that compares the cascade with a single-stage detector."""

from collections.abc import Mapping
from typing import Any

from oi_tasks.reports.numbers import MEANS, NAMES, interval
from oi_tasks.reports.page import fixed, render


def baseline_page(comparison: Mapping[str, Any]) -> str:
    """The page of `comparison.json`, as self-contained HTML."""
    numbers, paired = comparison["numbers"], comparison["paired"]
    rows = [
        {
            "name": NAMES[name],
            "cascade": interval(ours),
            "detector": interval(numbers["detector"][name]),
            "difference": interval({"value": paired[name]["difference"], **_ends(paired[name])}),
        }
        for name, ours in numbers["cascade"].items()
    ]
    means = {NAMES[name]: MEANS[name] for name in numbers["cascade"]}
    return render("baseline.html.j2", rows=rows, means=means, sentence=_sentence(comparison), **comparison)


def _ends(found: Mapping[str, float | None]) -> dict[str, float | None]:
    return {"low": found["low"], "high": found["high"]}


def _sentence(comparison: Mapping[str, Any]) -> str:
    """Which of the two finds more, as far as these photos can tell."""
    found = comparison["paired"]["map"]
    ours, theirs = (fixed(found[who]) for who in ("candidate", "champion"))
    if found["low"] is None or found["low"] <= 0 <= found["high"]:
        return f"mAP {ours} of the cascade and {theirs} of the detector: these photos cannot tell which is better."
    better = "cascade" if found["difference"] > 0 else "detector"
    return f"The {better} is better: mAP {ours} of the cascade, {theirs} of the detector."
