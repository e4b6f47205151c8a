"""The page of the Open Images tab: how things stand, in one look."""

from collections.abc import Callable, Mapping
from typing import Any

from oi_tasks.overview import Overview
from oi_tasks.reports.page import render


def overview_page(found: Overview, link: Callable[[str], str], run_id: str = "") -> str:
    """The page as HTML. `link` makes the address that opens a report of the store, given as `bucket/key`."""
    return render("overview.html.j2", found=found, link=link, run_id=run_id, sentence_of=sentence_of)


def sentence_of(entry: Mapping[str, Any]) -> str:
    """An entry of the ledger as a sentence: `version 3 promoted; before it version 2`."""
    facts = entry["facts"]
    version = f"version {facts['version']}" if "version" in facts else str(entry["subject"])
    said = f"{version}: {entry['event']}"
    if facts.get("previous"):
        said += f", before it version {facts['previous']}"
    reasons = "; ".join(str(reason.get("text", reason.get("code", ""))) for reason in facts.get("reasons", ()))
    why = reasons or str(entry.get("why") or facts.get("reason") or facts.get("note") or "")
    by = entry.get("by") or facts.get("who")
    who = f", by {by}" if by else ""
    return said + who + (f": {why}" if why else "")
