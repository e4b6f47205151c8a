"""`quality.json`: all that was found in a snapshot, as data for the gate, the page and whoever asks later."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from oi_tasks.quality.findings import TableJudged, find
from oi_tasks.quality.outcomes import Outcome
from oi_tasks.quality.suites import PARAMETERS
from oi_tasks.quality.verdict import reasons_against

PHOTOS = "photos"
ROW_TABLES = ("boxes", "image_labels", "descriptions", "edges", "unreadable")


def summarise(snapshot: str, parameters: Mapping[str, float], tables: Sequence[TableJudged]) -> dict[str, Any]:
    """What `quality.json` says.

    `quarantined_share` is the larger of two shares: of annotation rows (lines that could not be read count, too), and
    of photos.
    """
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
    shares = {
        "rows": _share([rows[name] for name in ROW_TABLES]),
        "photos": _share([rows[PHOTOS]]),
    }
    quality: dict[str, Any] = {
        "snapshot": snapshot,
        "parameters": {**PARAMETERS, **parameters},
        "rows": rows,
        "quarantined_share": max(shares.values()),
        "quarantined": shares,
        "set_apart": _set_apart(tables),
        "findings": [finding.model_dump(mode="json") for finding in find(tables)],
        "expectations": [_expectation(outcome) for table in tables for outcome in table.outcomes],
    }
    reasons = reasons_against(quality, parameters["max_quarantined"])
    quality["reasons"] = [reason.model_dump() for reason in reasons]
    quality["verdict"] = "fail" if reasons else "pass"
    return quality


def names_of_examples(quality: Mapping[str, Any], descriptions: Path) -> dict[str, str]:
    """The names of the labels that examples show, by MID, from a table of descriptions; those without one are left out.

    Empty where the table has other columns: it could not be read, and a finding says so.
    """
    columns = ("LabelName", "DisplayName")
    described = pl.scan_parquet(descriptions)
    if not set(columns) <= set(described.collect_schema()):
        return {}
    groups = [*quality["findings"], *quality["set_apart"]]
    shown = {row["LabelName"] for group in groups for row in group["examples"] if row.get("LabelName")}
    known = described.select(columns).filter(pl.col("LabelName").is_in(sorted(shown))).drop_nulls()
    return dict(known.collect().iter_rows())


def plain(value: Any) -> Any:
    """The value as JSON can say it: what is no finite number, as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {name: plain(below) for name, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(below) for below in value]
    return value


def _share(tables: Sequence[Mapping[str, int]]) -> float:
    apart, whole = sum(table["set_apart"] for table in tables), sum(table["in"] for table in tables)
    return round(apart / whole, 9) if whole else 0.0


def _set_apart(tables: Sequence[TableJudged]) -> list[dict[str, Any]]:
    """The rows set apart by table and reason, the most first, with examples."""
    groups = [
        {"table": table.name, "reason": reason, "count": count, "examples": table.tally.apart.get(reason, [])}
        for table in tables
        for reason, count in table.tally.reasons.items()
        if count
    ]
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
