"""Gate, serve check, promotion and rollback on real models, in a real MLflow and a real MinIO."""

import json
from pathlib import Path
from typing import Any

import pytest

from oi_tasks.core.fingerprint import content_key
from oi_tasks.core.ledger import standing
from oi_tasks.core.verdict_document import VerdictDocument
from oi_tasks.errors import Refused
from oi_tasks.io.champions import Champions
from oi_tasks.io.ledger import Ledger
from oi_tasks.io.outputs import Output, Outputs
from oi_tasks.io.serving import ask, plain_photo
from oi_tasks.io.store import REPORTS, WORK, Store
from oi_tasks.io.tracking import Tracking
from oi_tasks.jobs import job_class
from oi_tasks.jobs.base import execute
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.profile import Prices
from tests.conftest import SMALL, Chain

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def ledger(chain: Chain) -> Ledger:
    return Ledger(Store(chain.settings))


def with_gate(chain: Chain, gate: dict[str, Any]) -> Chain:
    return Chain(chain.profile.model_validate(SMALL | {"gate": gate}), chain.settings, chain.said, chain.semseg)


@pytest.fixture
def champion(chain: Chain):
    """The chain's version, champion before and after the test, whatever the test does."""
    version = chain.said["promote"]["result"]["version"]
    tracking = Tracking(chain.settings)
    champions = Champions(tracking, ledger(chain), CASCADE)
    yield version
    tracking.set_alias(CASCADE, "champion", version)
    champions.watch()


@pytest.fixture
def other(chain: Chain, champion: int) -> int:
    """Another version with the champion's files and parts."""
    client = Tracking(chain.settings).client
    found = client.get_model_version(CASCADE, str(champion))
    tags = {name: value for name, value in found.tags.items() if name.startswith("oi-")}
    model_id = found.source.removeprefix("models:/")
    return int(client.create_model_version(CASCADE, found.source, tags=tags, model_id=model_id).version)


def changed(chain: Chain, job: str, output_id: str, **meta: Any) -> str:
    """A trained model published again, with another `model.json`."""
    outputs = Outputs(Store(chain.settings), chain.settings.cache)
    found: Output = outputs.get(job, output_id)
    key = content_key({"changed": output_id, **meta})
    folder = chain.settings.cache / "changed" / key
    folder.mkdir(parents=True, exist_ok=True)
    for name in found.names():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(found.read_bytes(name))
    (folder / "model.json").write_text(json.dumps(found.read_json("model.json") | meta))
    return outputs.publish(job, "1", key, found.manifest.fields, folder, found.result, {}).id


# -- the gate


def test_the_verdict_is_a_document_of_the_published_schema(chain: Chain) -> None:
    schema = json.loads((ROOT / "docs/verdict.schema.json").read_text())
    assert schema == VerdictDocument.model_json_schema()
    document = chain.output("gate").read_json("verdict.json")
    assert VerdictDocument.model_validate(document).decision == "promote"
    assert document["note"] == "there is no champion yet: only floors were judged"


def test_the_verdict_says_what_it_cost_and_other_costs_and_prices_are_no_new_verdict(chain: Chain) -> None:
    """As in a run whose shards were reused; MLflow's tags of the version say the same of the version."""
    store, folder = Store(chain.settings), "runs/oi_retrain/manual__costs"
    used = {"cpu_seconds": 7200.0, "gpu_seconds": 360.0, "stored_bytes": 5_000_000}
    for name in ("train_classifier", "shards"):
        reused = name == "shards"
        said = chain.said[name] | {"reused": reused, "used": None if reused else used}
        store.put_json(WORK, f"{folder}/{name}.json", said)
    limits = with_gate(chain, {"classifier": {"macro_f1": {"floor": 0.001}}})  # a verdict of this test alone

    def gate(prices: Prices, to: str) -> dict[str, Any]:
        fields = {"evaluation": chain.said["evaluate"]["id"], "prices": prices}
        return execute(job_class("gate").from_profile(limits.profile, **fields), chain.settings, result_to=to)

    verdict = gate(Prices(cpu_hour=0.5, gpu_hour=10, gb_month=2), f"{folder}/gate.json")
    output = Outputs(store, chain.settings.cache).get("gate", verdict["id"])
    cost = output.read_json("verdict.json")["cost"]
    assert cost["run"] == used | {"price": pytest.approx(1 + 1 + 0.01)}
    assert cost["currency"] == "EUR"
    made = [chain.output(name).manifest.produced["used"] for name in ("shards", "train_classifier", "evaluate")]
    masks = [Outputs(store, chain.settings.cache).get("train_semseg", part) for part in chain.semseg]
    made += [part.manifest.produced["used"] for part in masks]
    for name in used:
        assert cost["version"][name] == pytest.approx(sum(one[name] for one in made), abs=0.001)
    again = gate(Prices(cpu_hour=99), "runs/oi_retrain/manual__another/gate.json")
    assert (again["reused"], again["id"], again["key"]) == (True, verdict["id"], verdict["key"])
    assert "prices" not in output.manifest.fields
    limits.job("report", verdict=verdict["id"])
    tags = Tracking(chain.settings).version_tags(CASCADE, verdict["result"]["candidate"])
    assert {name: tags[name] for name in used} == {name: f"{cost['version'][name]:.0f}" for name in used}


def test_a_candidate_below_the_floor_is_refused_with_the_champion_unmoved(chain: Chain) -> None:
    tracking = Tracking(chain.settings)
    before = tracking.alias(CASCADE, "champion")
    strict = with_gate(chain, {"classifier": {"macro_f1": {"floor": 0.999}}})
    said = strict.job("gate", evaluation=chain.said["evaluate"]["id"])
    assert said["result"]["verdict"] == "refuse"
    assert [reason["code"] for reason in said["result"]["reasons"]] == ["below_floor"]
    with pytest.raises(Refused, match="was refused by the gate"):
        strict.job("promote", verdict=said["id"])
    assert tracking.alias(CASCADE, "champion") == before
    entries = [entry for entry in ledger(chain).entries() if entry.event == "refused"]
    assert [entry.facts["key"] for entry in entries] == [said["key"]]
    assert strict.job("gate", evaluation=chain.said["evaluate"]["id"])["reused"]
    page = strict.job("report", verdict=said["id"])["result"]["report"].removeprefix(f"{REPORTS}/")
    text = Store(chain.settings).get_bytes(REPORTS, page).decode()
    assert "was refused" in text
    assert "below the floor 0.999" in text


def test_a_cluster_that_fails_keeps_the_champions_model_and_the_whole_is_judged_again(
    chain: Chain, champion: int
) -> None:
    first, *others = chain.semseg
    silent = changed(chain, "train_semseg", first, thresholds=[1.5] * _classes(chain, first))  # finds nothing, anywhere
    classifier = changed(chain, "train_classifier", chain.said["train_classifier"]["id"], head="adaptive", stride=2)
    fields = {"dataset": chain.said["shards"]["id"], "classifier": classifier, "semseg": (silent, *others)}
    evaluation = chain.job("evaluate", **fields)
    gate = {"classifier": {"macro_f1": {"floor": 0.0, "may_lose": 0.0}}, "semseg": {"mean_iou": {"floor": 1e-6}}}
    verdict = with_gate(chain, gate).job("gate", evaluation=evaluation["id"])
    assert verdict["result"]["verdict"] == "promote", verdict
    cluster = Outputs(Store(chain.settings), chain.settings.cache).get("train_semseg", first).result["cluster"]
    assert tuple(verdict["result"]["kept"]) == (cluster,)
    mixed = verdict["result"]["candidate"]
    assert mixed not in (champion, evaluation["result"]["candidate"])
    tracking = Tracking(chain.settings)
    name = f"oi-semseg-{cluster}"
    assert tracking.version_tags(CASCADE, mixed)[name] == tracking.version_tags(CASCADE, champion)[name]


def test_a_cluster_whose_training_failed_keeps_the_champions_model(chain: Chain, champion: int) -> None:
    failed, *others = chain.semseg
    classifier = changed(chain, "train_classifier", chain.said["train_classifier"]["id"], head="adaptive", stride=4)
    fields = {"dataset": chain.said["shards"]["id"], "classifier": classifier, "semseg": tuple(others)}
    evaluation = chain.job("evaluate", **fields)
    verdict = chain.job("gate", evaluation=evaluation["id"])["result"]
    cluster = Outputs(Store(chain.settings), chain.settings.cache).get("train_semseg", failed).result["cluster"]
    assert (verdict["verdict"], tuple(verdict["kept"])) == ("promote", (cluster,))
    tracking, name = Tracking(chain.settings), f"oi-semseg-{cluster}"
    assert tracking.version_tags(CASCADE, verdict["candidate"])[name] == tracking.version_tags(CASCADE, champion)[name]


def _classes(chain: Chain, semseg: str) -> int:
    output = Outputs(Store(chain.settings), chain.settings.cache).get("train_semseg", semseg)
    return len(output.read_json("model.json")["classes"])


# -- the serve check


def test_the_registered_version_answers_as_it_was_evaluated(chain: Chain) -> None:
    served = chain.job("serve_check", verdict=chain.said["gate"]["id"])
    assert (served["result"]["verdict"], served["result"]["reasons"]) == ("serves", [])
    outputs = Outputs(Store(chain.settings), chain.settings.cache)
    told = outputs.get("serve_check", served["id"]).read_json("serving.json")
    assert told["photos"] == len(told["milliseconds"]) == 8
    assert told["differing"] == 0
    assert chain.job("promote", verdict=chain.said["gate"]["id"], served=served["id"])["result"]


def test_a_softmax_version_that_is_sure_of_nothing_serves_as_well(chain: Chain, champion: int) -> None:
    """It names the likeliest class, whether that reaches its threshold or not."""
    sure = [0.9999] * len(chain.output("train_classifier").read_json("model.json")["classes"])
    own = {"loss": "softmax", "activation": "softmax", "thresholds": sure}
    classifier = changed(chain, "train_classifier", chain.said["train_classifier"]["id"], **own)
    fields = {"dataset": chain.said["shards"]["id"], "classifier": classifier, "semseg": chain.semseg}
    verdict = chain.job("gate", evaluation=chain.job("evaluate", **fields)["id"])
    served = chain.job("serve_check", verdict=verdict["id"])["result"]
    assert (served["verdict"], served["reasons"]) == ("serves", [])


def test_a_version_beyond_its_budget_or_that_says_something_else_does_not_serve(chain: Chain) -> None:
    slow = with_gate(chain, SMALL["gate"] | {"budgets": {"milliseconds": 0.01, "load_seconds": 0.01}})
    served = slow.job("serve_check", verdict=chain.said["gate"]["id"])["result"]
    assert [reason["code"] for reason in served["reasons"]] == ["too_slow", "slow_to_load"]
    again = slow.job("serve_check", verdict=chain.said["gate"]["id"])
    assert again["reused"]
    assert "not promoted: it does not serve: a photo takes" in _page(chain, served=again["id"])
    with pytest.raises(Refused, match="did not let this candidate through"):
        chain.job("promote", verdict=chain.said["gate"]["id"], served=again["id"])


def test_a_version_without_its_files_is_one_line(chain: Chain, tmp_path: Path) -> None:
    tracking = Tracking(chain.settings)
    run = tracking.client.create_run("0").info
    tracking.client.create_registered_model("oi-empty")
    empty = tracking.client.create_model_version("oi-empty", f"{run.artifact_uri}/model", run.run_id)
    with pytest.raises(Refused, match="does not load and answer") as refused:
        ask(tracking, "oi-empty", int(empty.version), [plain_photo()], tmp_path / "serving")
    assert refused.value.code == "does_not_load"
    assert "\n" not in str(refused.value)


# -- promotion and rollback


def test_what_a_promoted_version_says_of_itself(chain: Chain, champion: int) -> None:
    tags = Tracking(chain.settings).version_tags(CASCADE, champion)
    assert tags["dataset"] == chain.said["shards"]["id"]
    assert tags["snapshot"] == chain.said["snapshot"]["id"]
    assert tags["verdict"] == chain.said["gate"]["id"]
    assert tags["evaluation"] == chain.said["evaluate"]["id"]
    assert tags["code"]


def test_an_alias_that_was_taken_away_by_hand_is_entered_before_the_promotion_goes_on(
    chain: Chain, champion: int
) -> None:
    tracking = Tracking(chain.settings)
    tracking.drop_alias(CASCADE, "champion")
    count = len(ledger(chain).entries())
    again = chain.job("promote", verdict=chain.said["gate"]["id"])
    assert not again["reused"]
    assert tracking.alias(CASCADE, "champion") == champion
    events = [entry.event for entry in ledger(chain).entries()[count:]]
    assert events == ["moved by hand", "promotion started", "promoted"]


def test_a_champion_that_moved_since_the_verdict_stops_the_promotion_and_is_entered(
    chain: Chain, champion: int, other: int
) -> None:
    tracking = Tracking(chain.settings)
    tracking.set_alias(CASCADE, "champion", other)
    with pytest.raises(Refused, match=f"the champion is version {other} by now"):
        chain.job("promote", verdict=chain.said["gate"]["id"])
    assert tracking.alias(CASCADE, "champion") == other
    watched = chain.job("alias_watch")["result"]
    assert watched["champion"] == other
    entry = ledger(chain).entries()[-1]
    assert (entry.event, entry.version, entry.facts["previous"]) == ("moved by hand", other, champion)


def test_a_rollback_loads_the_version_first_and_the_gate_keeps_out_what_was_rolled_back(
    chain: Chain, champion: int, other: int
) -> None:
    Champions(Tracking(chain.settings), ledger(chain), CASCADE).promote(other, champion, {}, {}, "it passed")
    asked = {"request": f"r{other}", "reason": "it misses dogs", "by": "ann"}
    said = chain.job("roll_back", **asked)
    assert said["result"] == {"version": champion, "left": other, "entry": len(ledger(chain).entries())}
    entry = ledger(chain).entry(said["result"]["entry"])
    assert (entry.event, entry.by, entry.why) == ("rolled back", "ann", "it misses dogs")
    assert Tracking(chain.settings).alias(CASCADE, "champion") == champion
    assert chain.job("roll_back", **asked)["reused"]
    assert other in standing(ledger(chain).entries()).withdrawn


def test_who_approved_and_what_they_wrote_is_in_the_ledger(chain: Chain, champion: int) -> None:
    Tracking(chain.settings).drop_alias(CASCADE, "champion")
    answer = {"answer": "approve", "by": "ann", "at": "2026-11-26T09:00:00+00:00", "comment": "looks fine"}
    chain.job("promote", verdict=chain.said["gate"]["id"], approval=answer)
    started, promoted = ledger(chain).entries()[-2:]
    assert (started.event, promoted.event) == ("promotion started", "promoted")
    for entry in (started, promoted):
        assert (entry.version, entry.by, entry.facts["approval"]) == (champion, "ann", answer)
        assert entry.why.endswith(", approved by ann")


def test_what_a_person_answers_is_in_the_ledger(chain: Chain, champion: int) -> None:
    answer = {"answer": "reject", "by": "ann", "at": "2026-11-26T09:00:00+00:00", "comment": "the dogs are gone"}
    with pytest.raises(Refused, match="was not approved: reject"):
        chain.job("promote", verdict=chain.said["gate"]["id"], approval=answer)
    said = chain.job("turn_down", verdict=chain.said["gate"]["id"], approval=answer)
    entry = ledger(chain).entry(said["result"]["entry"])
    assert (entry.event, entry.by, entry.why) == ("rejected", "ann", "the dogs are gone")
    assert "not promoted: ann turned it down: the dogs are gone; " in _page(chain, turned_down=said["id"])
    nobody = answer | {"by": "", "comment": ""}
    said = chain.job("turn_down", verdict=chain.said["gate"]["id"], approval=nobody)
    assert ledger(chain).entry(said["result"]["entry"]).event == "not approved in time"
    assert "it was not approved: nobody answered, and the time was up; " in _page(chain, turned_down=said["id"])


def _page(chain: Chain, **fields: str) -> str:
    """The page of the chain's verdict, when that is how it went on; then the page is again that of the promotion."""
    verdict, store = chain.said["gate"]["id"], Store(chain.settings)
    said = chain.job("report", verdict=verdict, **fields)
    key = said["result"]["report"].removeprefix(f"{REPORTS}/")
    text = store.get_bytes(REPORTS, key).decode()
    assert chain.job("report", verdict=verdict, **fields)["reused"]
    assert not chain.job("report", verdict=verdict, promoted=chain.said["promote"]["id"])["reused"]
    assert store.get_bytes(REPORTS, key).decode() != text
    return text
