"""The page of the Open Images tab: how things stand, in one look."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from oi_tasks.core.ledger import MOVED, PASSED, REFUSED, REJECTED, STARTED, UNANSWERED, UNDONE, Entry
from oi_tasks.overview import Overview
from oi_tasks.reports.page import render


@dataclass(frozen=True)
class Question:
    """What a person is asked, since when, and the page where they answer."""

    subject: str
    page: str
    since: datetime


def overview_page(
    found: Overview,
    link: Callable[[str], str],
    run_id: str = "",
    waiting: tuple[Question, ...] | None = None,
    below: str = "",
) -> str:
    """The page as HTML. `link` makes the address that opens a report of the store, given as `bucket/key`.

    `waiting` is what waits for a person's answer; None where that is not known. `below` is the path that
    Airflow's own pages stand below, empty where it has none.
    """
    shown = {"found": found, "link": link, "run_id": run_id, "waiting": waiting, "below": below}
    return render("overview.html.j2", **shown, sentence_of=sentence_of)


def sentence_of(entry: Entry) -> str:
    """An entry of the ledger as a sentence: `version 3 became champion (was 2): by Ann: better on cats`."""
    facts = entry.facts
    reasons = "; ".join(str(reason.get("text", reason.get("code", ""))) for reason in facts.get("reasons", ()))
    why = reasons or entry.why or str(facts.get("note") or "")
    if entry.event == MOVED:
        return f"{_what_happened(entry)}: moved by hand in MLflow; by whom is unknown"
    said = _what_happened(entry) + (f", by {entry.by}" if entry.by else "")
    return said + (f": {why}" if why else "")


def _what_happened(entry: Entry) -> str:
    version, previous = entry.version, entry.facts.get("previous")
    if version is None:
        return f"no version is champion any more (was {previous})" if entry.event == MOVED else _as_written(entry)
    was = f" (was {previous})" if previous else ""
    if entry.event in STARTED:
        return f"version {version} is to become champion{was}: begun"
    if entry.event in UNDONE:
        return f"version {version} did not become champion: {entry.event}"
    known = {
        "promoted": f"version {version} became champion{was}",
        "rolled back": f"version {version} became champion again{was}",
        MOVED: f"version {version} became champion{was}",
        PASSED: f"version {version} passed the gate",
        REFUSED: f"version {version} was refused by the gate",
        REJECTED: f"version {version} was turned down",
        UNANSWERED: f"version {version} was not approved in time",
    }
    return known.get(entry.event) or _as_written(entry)


def _as_written(entry: Entry) -> str:
    """Of an event that has no words of its own."""
    return f"{entry.subject if entry.version is None else f'version {entry.version}'}: {entry.event}"
