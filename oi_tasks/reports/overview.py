"""The page of the Open Images tab: how things stand, in one look."""

from collections.abc import Callable

from oi_tasks.core.ledger import Entry
from oi_tasks.overview import Overview
from oi_tasks.reports.page import render


def overview_page(found: Overview, link: Callable[[str], str], run_id: str = "") -> str:
    """The page as HTML. `link` makes the address that opens a report of the store, given as `bucket/key`."""
    return render("overview.html.j2", found=found, link=link, run_id=run_id, sentence_of=sentence_of)


def sentence_of(entry: Entry) -> str:
    """An entry of the ledger as a sentence: `version 3: promoted, before it version 2`."""
    facts = entry.facts
    said = f"{entry.subject if entry.version is None else f'version {entry.version}'}: {entry.event}"
    if facts.get("previous"):
        said += f", before it version {facts['previous']}"
    if entry.by:
        said += f", by {entry.by}"
    why = "; ".join(str(reason.get("text", reason.get("code", ""))) for reason in facts.get("reasons", ()))
    why = why or entry.why or str(facts.get("note") or "")
    return said + (f": {why}" if why else "")
