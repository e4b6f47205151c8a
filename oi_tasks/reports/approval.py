"""What a person reads who is asked whether to promote: the verdict in short, as Markdown."""

from typing import Any

from oi_tasks.errors import Unreachable
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.registry import Registry
from oi_tasks.io.store import REPORTS, Store
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.reports.costs import sentence
from oi_tasks.reports.page import fixed
from oi_tasks.settings import settings

PAGES = {"errors_page": "error analysis", "report_page": "earlier report"}  # by the tag of the version that names it


def approval_text(verdict_id: str, reports: str) -> str:
    """The text about a published verdict, with links to the registry and to pages on the candidate.

    `reports` is the address of the run's reports. With an MLflow that does not answer the question is asked all the
    same, without the pages that only the registry names.
    """
    found = settings()
    verdict = Outputs(Store(found), found.cache).get("gate", verdict_id).read_json("verdict.json")
    registry = Registry(found.mlflow_url)
    links = {
        f"version {version}": registry.page_of(CASCADE, version)
        for version in (verdict["candidate"], verdict["champion"])
        if version is not None
    }
    try:
        candidate = registry.version(CASCADE, verdict["candidate"])
    except Unreachable:
        candidate = None
    tags = {} if candidate is None else candidate.tags
    links |= {text: _in_tab(tags[tag], reports) for tag, text in PAGES.items() if tag in tags}
    return as_markdown(verdict, links | {"reports of this run": reports})


def _in_tab(page: str, reports: str) -> str:
    """The address of a report in the tab, which whoever answers can open: in a cluster the store's is known to pods."""
    _, of_store, key = page.partition(f"/{REPORTS}/")
    return f"{reports.partition('?')[0]}report/{key}" if of_store else page


def as_markdown(verdict: dict[str, Any], links: dict[str, str]) -> str:
    """The verdict: against what, judged numbers as a table, what changed most, the cost; links by their text."""
    rows = [
        " | ".join(["", row["part"], row["number"], *(fixed(row[name]) for name in ("value", "champion", "floor")), ""])
        for row in verdict["judged"]
    ]
    lines = [
        f"Version {verdict['candidate']} of {CASCADE} passed the gate of the profile {verdict['profile']}: "
        f"{verdict['note']}.",
        "",
        "| model | number | candidate | champion | floor |",
        "|---|---|---|---|---|",
        *rows,
    ]
    changed = [
        f"- {row['kind']} {row['name']}, {row['metric']}: {row['difference']:+.3f} on {row['photos']} photos"
        for row in verdict["changed_most"]
        if row["difference"]
    ]
    if changed:
        lines += ["", "What changed most:", "", *changed]
    cost = verdict.get("cost") or {}  # verdicts of before have none
    said = {"This run up to here": cost.get("run"), "Making this version": cost.get("version")}
    lines += [line for text, row in said.items() if row for line in ("", f"{text}: {sentence(row, cost['currency'])}.")]
    return "\n".join([*lines, "", " · ".join(f"[{text}]({address})" for text, address in links.items())])
