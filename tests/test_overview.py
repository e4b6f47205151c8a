"""How things stand, on real servers after a real chain, and with each of them down."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from oi_tasks.core.ledger import Entry
from oi_tasks.io.ledger import Ledger
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import WORK, Store
from oi_tasks.io.tracking import Tracking
from oi_tasks.overview import look
from oi_tasks.reports.overview import Question, overview_page, sentence_of
from oi_tasks.settings import Settings
from tests.conftest import Chain

pytestmark = pytest.mark.slow


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def test_one_look_tells_what_the_chain_did(chain: Chain) -> None:
    found = look(chain.settings)
    assert found.problems == ()
    assert found.champion is not None
    assert found.champion.version == Tracking(chain.settings).alias("oi-cascade", "champion")
    assert found.champion.tags["verdict"]
    outputs = Outputs(Store(chain.settings), chain.settings.cache)
    judged = [outputs.get("validate", output_id) for output_id in outputs.list("validate")]
    newest = max(output.manifest.produced["at"] for output in judged)
    assert found.quality is not None
    assert found.quality.at.isoformat() == newest
    assert found.quality.snapshot in {
        output.manifest.fields["snapshot"] for output in judged if output.manifest.produced["at"] == newest
    }
    assert found.quality.boxes == outputs.get("snapshot", found.quality.snapshot).result["boxes"]
    assert found.pages
    assert all(Store(chain.settings).exists(*page.place.split("/", 1)) for page in found.pages)
    entries = list(Ledger(Store(chain.settings)).entries())
    assert [entry.number for entry in found.ledger] == [entry.number for entry in reversed(entries)][:10]


def test_the_reports_of_a_run_are_those_of_its_steps(chain: Chain) -> None:
    store = Store(chain.settings)
    store.put_json(WORK, "runs/oi_retrain/one/report.json", chain.said["report"])
    store.put_json(WORK, "runs/oi_retrain/one/gate.json", chain.said["gate"])
    store.put_json(WORK, "runs/oi_retrain/one/evaluate.json", chain.said["evaluate"])
    of_run = look(chain.settings, "oi_retrain", "one")
    pages = of_run.pages
    assert {page.about: page.place for page in pages} == {
        "retrain": chain.said["report"]["result"]["report"],
        "errors": chain.said["evaluate"]["result"]["errors"],
        "boxes": chain.said["evaluate"]["result"]["boxes"],
    }
    everything = {page.place for page in look(chain.settings).pages}
    assert {page.place for page in of_run.earlier} == everything - {page.place for page in pages} != set()
    without = look(chain.settings, "oi_retrain", "two")
    assert without.pages == ()
    assert {page.place for page in without.earlier} == everything
    text = overview_page(of_run, str, "one")
    own, other = (text.index(f'class="place">{one[0].place}') for one in (pages, of_run.earlier))
    assert text.index("Reports of this run") < own < text.index("Reports of other runs") < other


def test_a_report_says_what_it_is_about_before_where_it_stands(chain: Chain) -> None:
    store = Store(chain.settings)
    for job in ("validate", "collapse", "evaluate", "report"):
        store.put_json(WORK, f"runs/oi_retrain/says/{job}.json", chain.said[job])
    found = look(chain.settings, "oi_retrain", "says")
    says = {page.about: page.says for page in found.pages}
    version = chain.said["gate"]["result"]["candidate"]
    assert says["retrain"] == f"version {version}: promoted, profile small"
    assert says["errors"] == f"version {version}"
    assert says["data quality"].endswith(": fit to train on")
    assert says["classes"] == says["hierarchy"]
    text = overview_page(found, str, "says")
    retrain = next(page for page in found.pages if page.about == "retrain")
    assert text.index(retrain.says) < text.index(f'<code class="place">{retrain.place}')


def test_what_waits_for_a_person_is_shown_and_what_is_unknown_is_said(chain: Chain) -> None:
    found = look(chain.settings)
    page = "/dags/oi_retrain/runs/r/tasks/approve/required_actions"
    asked = Question("Promote <b>version 3</b>?", page, datetime(2026, 11, 27, 2, 30, tzinfo=UTC))
    text = overview_page(found, str, waiting=(asked,))
    assert f'<a href="{page}">Promote &lt;b&gt;version 3&lt;/b&gt;?</a>' in text
    assert 'class="when">2026-11-27 02:30<' in text
    assert "Nothing waits for an answer." in overview_page(found, str, waiting=())
    assert "Unknown: Airflow" in overview_page(found, str)


def test_what_is_down_is_said_and_the_rest_is_shown(chain: Chain, nobody: str) -> None:
    no_registry = look(chain.settings.model_copy(update={"mlflow_url": nobody}))
    assert no_registry.champion is None
    assert no_registry.quality is not None
    assert (no_registry.registry_answers, no_registry.store_answers) == (False, True)
    assert "Champion unknown" in overview_page(no_registry, str)
    assert [nobody in problem for problem in no_registry.problems] == [True]
    no_store = look(chain.settings.model_copy(update={"store_endpoint": nobody}))
    assert no_store.champion is not None
    assert no_store.quality is None
    assert ["the store does not answer" in problem for problem in no_store.problems] == [True]
    page = overview_page(no_store, str)
    assert "Not all can be shown" in page
    assert "Unknown: the store does not answer." in page
    assert "yet" not in page, "what is unknown is not said to be none"


def test_the_page_shows_it_and_escapes_what_people_wrote(chain: Chain) -> None:
    found = look(chain.settings)
    at, why = "2026-01-02T03:04:05", "<script>alert(1)</script>"
    evil = Entry(99, at, "rolled back", "oi-cascade", {"version": 1}, "", "Ann", why)
    page = overview_page(
        type(found)(found.champion, found.quality, found.pages, (evil,), ()), lambda place: f"/x/{place}"
    )
    assert "version 1 became champion again, by Ann: &lt;script&gt;" in page
    assert f"/x/{found.pages[0].place}" in page
    assert "http" not in page.replace(chain.settings.mlflow_url, ""), "nothing is fetched from elsewhere"


@pytest.mark.parametrize(
    ("event", "facts", "by", "why", "said"),
    [
        ("moved by hand", {"version": 2, "previous": 1}, "unknown", "the alias champion was moved in the registry",
         "version 2 became champion (was 1): moved by hand in MLflow; by whom is unknown"),
        ("moved by hand", {"version": None, "previous": 1}, "unknown", "gone",
         "no version is champion any more (was 1): moved by hand in MLflow; by whom is unknown"),
        ("promoted", {"version": 1, "previous": None}, "me@here", "passed the gate of the profile demo",
         "version 1 became champion, by me@here: passed the gate of the profile demo"),
        ("rolled back", {"version": 1, "previous": 2}, "Ann", "cats", "version 1 became champion again (was 2), by Ann: cats"),
        ("refused", {"version": 4, "reasons": [{"code": "below_floor", "text": "macro F1 is 0.4, its floor 0.5"}]}, "", "",
         "version 4 was refused by the gate: macro F1 is 0.4, its floor 0.5"),
        ("promotion undone", {"version": 4, "previous": 3}, "", "it is gone",
         "version 4 did not become champion: promotion undone: it is gone"),
        ("something new", {}, "", "", "k: something new"),
    ],
)  # fmt: skip
def test_an_entry_reads_as_a_sentence(event: str, facts: dict, by: str, why: str, said: str) -> None:
    assert sentence_of(Entry(1, "2026-01-02T03:04:05", event, "k", facts, "", by, why)) == said


def test_an_alias_nobody_set_is_no_champion(settings: Settings) -> None:
    from oi_tasks.io.registry import Registry

    assert Registry(settings.mlflow_url).at_alias("no-such-model", "champion") is None


def test_an_overview_is_json(chain: Chain) -> None:
    from dataclasses import asdict

    assert json.loads(json.dumps(asdict(look(chain.settings)), default=str))["problems"] == []
