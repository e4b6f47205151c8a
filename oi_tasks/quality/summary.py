"""`quality.json`: all that was found in a snapshot, as data for the gate, the page and whoever asks later."""

from collections.abc import Mapping, Sequence
from typing import Any

from oi_tasks.quality.findings import TableJudged, find
from oi_tasks.quality.outcomes import Outcome
from oi_tasks.quality.rows import Rows
from oi_tasks.quality.verdict import reasons_against

PHOTOS = "photos"
ROW_TABLES = ("boxes", "image_labels", "descriptions", "edges")


def summarise(
    snapshot: str,
    parameters: Mapping[str, float],
    tables: Sequence[TableJudged],
    unreadable: Rows,
    unreadable_count: int,
) -> dict[str, Any]:
    """What `quality.json` says.

    `quarantined_share` is the larger of two shares: of annotation rows (lines that could not be read count, too), and
    of photos. `unreadable` are some of those lines.
    """
    findings = find(tables, unreadable, unreadable_count)
    rows = {
        table.name: {
            "in": table.rows_in,
            "added": table.added,
            "out": table.rows_out,
            "set_apart": table.tally.reasons.total(),
        }
        for table in tables
        if table.name in (PHOTOS, *ROW_TABLES)
    }
    annotation = [rows[name] for name in ROW_TABLES if name in rows]
    row_share = _share(
        sum(table["set_apart"] for table in annotation) + unreadable_count,
        sum(table["in"] for table in annotation) + unreadable_count,
    )
    photo_share = _share(rows[PHOTOS]["set_apart"], rows[PHOTOS]["in"])
    quality: dict[str, Any] = {
        "snapshot": snapshot,
        "parameters": dict(parameters),
        "rows": rows,
        "unreadable": unreadable_count,
        "quarantined_share": max(row_share, photo_share),
        "quarantined": {"rows": row_share, "photos": photo_share},
        "set_apart": _set_apart(tables, unreadable, unreadable_count),
        "findings": [finding.model_dump(mode="json") for finding in findings],
        "expectations": [_expectation(outcome) for table in tables for outcome in table.outcomes],
    }
    reasons = reasons_against(quality, parameters["max_quarantined"])
    quality["reasons"] = [reason.model_dump() for reason in reasons]
    quality["verdict"] = "fail" if reasons else "pass"
    return quality


def _share(part: int, whole: int) -> float:
    return round(part / whole, 9) if whole else 0.0


def _set_apart(tables: Sequence[TableJudged], unreadable: Rows, unreadable_count: int) -> list[dict[str, Any]]:
    """The rows set apart by table and reason, the most first, with examples."""
    groups = [
        {"table": table.name, "reason": reason, "count": count, "examples": table.tally.apart.get(reason, [])}
        for table in tables
        for reason, count in table.tally.reasons.items()
    ]
    if unreadable_count:
        groups.append(
            {"table": "unreadable", "reason": "line_unreadable", "count": unreadable_count, "examples": unreadable}
        )
    return sorted(groups, key=lambda group: (-group["count"], group["table"], group["reason"]))


def _expectation(outcome: Outcome) -> dict[str, Any]:
    expectation = outcome.expectation
    return {
        "suite": outcome.suite,
        "code": expectation.meta.code,
        "type": expectation.type,
        "kwargs": expectation.kwargs,
        "severity": expectation.severity,
        "status": outcome.status,
        "success": outcome.status == "passed",
        "checked": outcome.checked,
        "failing": outcome.failing,
        "share_failing": outcome.share,
        "observed": outcome.observed,
        "error": outcome.error,
        "what": expectation.meta.what,
    }
