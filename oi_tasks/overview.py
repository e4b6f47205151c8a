"""How things stand, in one look: champion, newest snapshot and its quality, pages, ledger, and what is down.

The tab in Airflow and `oi status` show the same. A server that does not answer becomes a line of `problems`; the rest
is shown all the same.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from oi_tasks.core.ledger import Entry
from oi_tasks.errors import OiError
from oi_tasks.io.ledger import Ledger
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.registry import ModelVersion, Registry
from oi_tasks.io.store import REPORTS, WORK, Store
from oi_tasks.settings import Settings

CASCADE = "oi-cascade"
CHAMPION = "champion"
RECENT = 10  # entries of the ledger, and pages, that a look shows
# Jobs that write pages, and what the one that a result calls its `report` is about.
WITH_PAGES = {
    "validate": "data quality",
    "collapse": "classes",
    "evaluate": "errors",
    "report": "retrain",
    "compare_variants": "variants",
    "compare_detector": "baseline",
}
Found = TypeVar("Found")


@dataclass(frozen=True)
class Page:
    """A report: where it stands in the store (`bucket/key`), and what it is about."""

    place: str
    about: str
    at: datetime | None = None


@dataclass(frozen=True)
class Quality:
    """The newest judgement of a snapshot."""

    snapshot: str
    verdict: str
    at: datetime
    photos: int
    boxes: int
    critical: int
    warnings: int
    page: str


@dataclass(frozen=True)
class Overview:
    """One look."""

    champion: ModelVersion | None
    quality: Quality | None
    pages: tuple[Page, ...]
    """Those of a run, or the newest of all runs, newest first."""
    ledger: tuple[Entry, ...]
    """The newest entries, newest first."""
    problems: tuple[str, ...]
    """What could not be asked, in a line each."""


def look(settings: Settings, dag_id: str = "", run_id: str = "") -> Overview:
    """Look at the servers now; with a run's ids, the pages are those of that run."""
    problems: list[str] = []

    def ask(question: Callable[[], Found], otherwise: Found) -> Found:
        try:
            return question()
        except OiError as error:
            problems.append(error.line)
            return otherwise

    champion = ask(lambda: Registry(settings.mlflow_url).at_alias(CASCADE, CHAMPION), None)
    store = ask(lambda: _answering(settings), None)
    if store is None:
        return Overview(champion, None, (), (), tuple(problems))
    outputs = Outputs(store, settings.cache)
    quality = ask(lambda: _quality(outputs), None)
    no_pages: tuple[Page, ...] = ()
    no_entries: tuple[Entry, ...] = ()
    pages = ask(lambda: _pages_of(store, dag_id, run_id) if run_id else _newest_pages(outputs), no_pages)
    ledger = ask(lambda: tuple(Ledger(store).entries()[: -RECENT - 1 : -1]), no_entries)
    return Overview(champion, quality, pages, ledger, tuple(problems))


def _answering(settings: Settings) -> Store:
    """The store, asked once and not again and again: a page must not wait for a server that is down."""
    store = Store(settings, tries=0)
    store.check()
    return store


def _quality(outputs: Outputs) -> Quality | None:
    """What was found in the snapshot that was judged last."""
    newest = next(iter(outputs.newest("validate", 1)), None)
    if newest is None:
        return None
    said = newest.result
    snapshot = newest.manifest.fields["snapshot"]
    counts = outputs.get("snapshot", snapshot).result
    return Quality(
        snapshot=snapshot,
        verdict=said["verdict"],
        at=_produced(newest.manifest.produced),
        photos=counts["photos"],
        boxes=counts["boxes"],
        critical=said["critical"],
        warnings=said["warnings"],
        page=said["report"],
    )


def _newest_pages(outputs: Outputs) -> tuple[Page, ...]:
    """The newest pages of any run."""
    found = [
        Page(page.place, page.about, _produced(output.manifest.produced))
        for job in WITH_PAGES
        for output in outputs.newest(job, RECENT)
        for page in _pages_in(job, output.result)
    ]
    return tuple(sorted(found, key=lambda page: page.at or datetime.min, reverse=True)[:RECENT])


def _pages_of(store: Store, dag_id: str, run_id: str) -> tuple[Page, ...]:
    """The pages that the steps of a run wrote, by their results."""
    results = (store.get_json(WORK, key) for key in store.list(WORK, f"runs/{dag_id}/{run_id}/"))
    return tuple(page for said in results for page in _pages_in(said["job"], said["result"]))


def _pages_in(job: str, result: Mapping[str, Any]) -> Iterator[Page]:
    """The pages that a job's result names, by what they are about."""
    for field, value in result.items():
        if isinstance(value, str) and value.startswith(f"{REPORTS}/"):
            yield Page(value, WITH_PAGES.get(job, job) if field == "report" else field)


def _produced(produced: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(produced["at"])
