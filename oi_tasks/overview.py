"""How things stand, in one look: champion, newest snapshot and its quality, pages, ledger, and what is down.

The tab in Airflow and `oi status` show the same. A server that does not answer becomes a line of `problems`; the rest
is shown all the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from oi_tasks.core.ledger import Entry
from oi_tasks.errors import OiError
from oi_tasks.io.ledger import Ledger
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.registry import ModelVersion, Registry
from oi_tasks.io.report_list import Page, newest_pages, pages_of
from oi_tasks.io.store import Store
from oi_tasks.settings import Settings

CASCADE = "oi-cascade"
CHAMPION = "champion"
RECENT = 10  # entries of the ledger, and pages, that a look shows
Found = TypeVar("Found")


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
    """Those of a run, its verdict first, or the newest of all runs, newest first."""
    ledger: tuple[Entry, ...]
    """The newest entries, newest first."""
    problems: tuple[str, ...]
    """What could not be asked, in a line each."""
    earlier: tuple[Page, ...] = ()
    """On the page of a run: the newest of other runs."""
    registry_answers: bool = True
    store_answers: bool = True


def look(settings: Settings, dag_id: str = "", run_id: str = "") -> Overview:
    """Look at the servers now; with a run's ids, the pages are those of that run, and the newest others come after."""
    problems: list[str] = []

    def ask(question: Callable[[], Found], otherwise: Found) -> Found:
        try:
            return question()
        except OiError as error:
            problems.append(error.line)
            return otherwise

    champion = ask(lambda: Registry(settings.mlflow_url).at_alias(CASCADE, CHAMPION), None)
    registry_answers = not problems
    store = ask(lambda: _answering(settings), None)
    if store is None:
        return Overview(champion, None, (), (), tuple(problems), (), registry_answers, store_answers=False)
    outputs = Outputs(store, settings.cache)
    quality = ask(lambda: _quality(outputs), None)
    no_pages: tuple[Page, ...] = ()
    no_entries: tuple[Entry, ...] = ()
    newest = ask(lambda: newest_pages(outputs, RECENT), no_pages)
    pages = ask(lambda: pages_of(outputs, dag_id, run_id), no_pages) if run_id else newest
    earlier = tuple(page for page in newest if page.place not in {own.place for own in pages}) if run_id else ()
    ledger = ask(lambda: tuple(Ledger(store).entries()[: -RECENT - 1 : -1]), no_entries)
    return Overview(champion, quality, pages, ledger, tuple(problems), earlier, registry_answers)


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


def _produced(produced: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(produced["at"])
