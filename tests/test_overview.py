"""How things stand, on real servers after a real chain, and with each of them down."""

import json
import socket
from collections.abc import Iterator

import pytest

from oi_tasks.core.ledger import Entry
from oi_tasks.io.ledger import Ledger
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import WORK, Store
from oi_tasks.io.tracking import Tracking
from oi_tasks.overview import look
from oi_tasks.reports.overview import overview_page, sentence_of
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
    pages = look(chain.settings, "oi_retrain", "one").pages
    assert {page.about: page.place for page in pages} == {
        "retrain": chain.said["report"]["result"]["report"],
        "errors": chain.said["evaluate"]["result"]["errors"],
        "boxes": chain.said["evaluate"]["result"]["boxes"],
    }
    assert look(chain.settings, "oi_retrain", "two").pages == ()


def test_what_is_down_is_said_and_the_rest_is_shown(chain: Chain, nobody: str) -> None:
    no_registry = look(chain.settings.model_copy(update={"mlflow_url": nobody}))
    assert no_registry.champion is None
    assert no_registry.quality is not None
    assert [nobody in problem for problem in no_registry.problems] == [True]
    no_store = look(chain.settings.model_copy(update={"store_endpoint": nobody}))
    assert no_store.champion is not None
    assert no_store.quality is None
    assert ["the store does not answer" in problem for problem in no_store.problems] == [True]
    page = overview_page(no_store, str)
    assert "Not all can be shown" in page
    assert "the store does not answer" in page


def test_the_page_shows_it_and_escapes_what_people_wrote(chain: Chain) -> None:
    found = look(chain.settings)
    at, why = "2026-01-02T03:04:05", "<script>alert(1)</script>"
    evil = Entry(99, at, "rolled back", "oi-cascade", {"version": 1}, "", "Ann", why)
    page = overview_page(
        type(found)(found.champion, found.quality, found.pages, (evil,), ()), lambda place: f"/x/{place}"
    )
    assert "version 1: rolled back, by Ann: &lt;script&gt;" in page
    assert f"/x/{found.pages[0].place}" in page
    assert "http" not in page.replace(chain.settings.mlflow_url, ""), "nothing is fetched from elsewhere"


def test_a_refusal_reads_as_a_sentence() -> None:
    facts = {"version": 4, "reasons": [{"code": "below_floor", "text": "macro F1 is 0.4, its floor 0.5"}]}
    said = sentence_of(Entry(1, "2026-01-02T03:04:05", "refused", "k", facts, ""))
    assert said == "version 4: refused: macro F1 is 0.4, its floor 0.5"


def test_an_alias_nobody_set_is_no_champion(settings: Settings) -> None:
    from oi_tasks.io.registry import Registry

    assert Registry(settings.mlflow_url).at_alias("no-such-model", "champion") is None


def test_an_overview_is_json(chain: Chain) -> None:
    from dataclasses import asdict

    assert json.loads(json.dumps(asdict(look(chain.settings)), default=str))["problems"] == []
