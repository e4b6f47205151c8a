"""The quality page of a snapshot: the verdict in a sentence, then what was found, checked and set apart."""

from collections.abc import Mapping, Sequence
from typing import Any

from oi_tasks.reports.page import number, plural, render, share
from oi_tasks.reports.photo_strip import Photo, with_pictures

SUITES = {
    "photos": "Photos",
    "image_labels": "Image labels",
    "boxes": "Boxes",
    "descriptions": "Descriptions",
    "edges": "Hierarchy",
    "across_tables": "Labels across all tables",
    "drift": "Against the last accepted snapshot",
    "unreadable": "Lines that could not be read",
}
TAGS = {"critical": "bad", "warning": "warn", "info": "info"}


def quality_page(quality: Mapping[str, Any], photo: Photo | None = None) -> str:
    """The page of what `quality.json` says, as self-contained HTML; `photo` gives the bytes of a photo by its id."""
    names = quality.get("names", {})  # older outputs lack it
    counts = {level: sum(one["severity"] == level for one in quality["findings"]) for level in TAGS}
    suites: dict[str, list[dict[str, Any]]] = {}
    for expectation in quality["expectations"]:
        shown = {**expectation, "observed": observed(expectation), "on": subject(expectation)}
        suites.setdefault(expectation["suite"], []).append(shown)
    return render(
        "quality.html.j2",
        quality=quality,
        sentence=sentence(quality),
        counts=counts,
        suites=suites,
        titles=SUITES,
        tags=TAGS,
        held=sum(one["success"] for one in quality["expectations"]),
        checked=sum(one["status"] != "skipped" for one in quality["expectations"]),
        tables={name: rows for name, rows in quality["rows"].items() if rows["in"] or name != "unreadable"},
        columns=columns,
        names=names,
        pictures=with_pictures(quality["findings"], photo or (lambda _: None), names),
        examples_of={
            (table, finding["code"]): place
            for place, finding in enumerate(quality["findings"])
            for table in finding["tables"]
        },
        history=history(quality),
    )


def history(quality: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is plotted over the accepted snapshots and this one: title, values, and the points of a line."""
    earlier = quality.get("history", [])
    if not earlier:
        return []
    findings = {level: sum(one["severity"] == level for one in quality["findings"]) for level in TAGS}
    clean = {name: rows["out"] for name, rows in quality["rows"].items()}
    snapshots = [*earlier, {"rows": clean, "quarantined": quality["quarantined"], "findings": findings}]
    plots = {
        "boxes": [one["rows"].get("boxes", 0) for one in snapshots],
        "image labels": [one["rows"].get("image_labels", 0) for one in snapshots],
        "photos": [one["rows"].get("photos", 0) for one in snapshots],
        "of the annotation set apart, %": [round(100 * one["quarantined"]["rows"], 4) for one in snapshots],
        "of the photos set apart, %": [round(100 * one["quarantined"]["photos"], 4) for one in snapshots],
        "warnings": [one["findings"].get("warning", 0) for one in snapshots],
    }
    return [{"title": title, "values": values, "points": points(values)} for title, values in plots.items()]


def points(values: Sequence[float]) -> list[tuple[float, float]]:
    """Places of a line over 100 × 30, from 0 at the bottom to the largest value at the top."""
    most = max(*values, 1e-12) if len(values) > 1 else values[0] or 1
    step = 100 / max(1, len(values) - 1)
    return [(round(place * step, 2), round(30 - 28 * value / most, 2)) for place, value in enumerate(values)]


def sentence(quality: Mapping[str, Any]) -> str:
    """The verdict in a sentence or two."""
    if quality["verdict"] != "pass":
        return "The data may not go on: " + "; ".join(reason["text"] for reason in quality["reasons"]) + "."
    apart = sum(rows["set_apart"] for rows in quality["rows"].values())
    total = sum(rows["in"] for rows in quality["rows"].values())
    if not apart:
        return f"The data may go on: all {plural(total, 'row')} keep the rules, and nothing was set apart."
    shares, limit = quality["quarantined"], quality["parameters"]["max_quarantined"]
    return (
        f"The data may go on: {total - apart:,} of {plural(total, 'row')} keep the rules."
        f" The other {apart:,} were set apart: {share(shares['rows'])} of the annotation and"
        f" {share(shares['photos'])} of the photos{f', where {share(limit)} is the limit' if limit < 1 else ''}."
    )


def observed(expectation: Mapping[str, Any]) -> str:
    """What an expectation saw, in words."""
    if expectation["status"] == "skipped" and expectation["suite"] == "drift":
        return "not compared: no snapshot was accepted before this one"
    if expectation["status"] == "skipped":
        return "not checked: the table cannot be read"
    if expectation["status"] == "raised":
        return f"could not be checked: {expectation['error']}"
    if expectation["checked"] is None:
        return f"{number(expectation['observed'])} found"
    if not expectation["failing"]:
        return f"none of {plural(expectation['checked'], 'row')} broke it"
    return (
        f"{expectation['failing']:,} of {plural(expectation['checked'], 'row')} broke it,"
        f" {share(expectation['share_failing'])}"
    )


def subject(expectation: Mapping[str, Any]) -> str:
    """The columns that an expectation is on."""
    kwargs = expectation["kwargs"]
    named = [kwargs.get(name) for name in ("column", "column_A", "column_B")]
    return ", ".join(str(name) for name in named if name)


def columns(examples: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns that any of the examples has a value in, in order."""
    return [
        name
        for name in dict.fromkeys(name for row in examples for name in row)
        if any(row.get(name) is not None for row in examples)
    ]
