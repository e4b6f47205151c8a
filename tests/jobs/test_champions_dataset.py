"""A candidate of one dataset against a champion of another: scored on the champion's test photos that it never saw."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score

from oi_tasks.core.splits import split_of
from oi_tasks.core.verdict_document import VerdictDocument
from oi_tasks.io.outputs import Output, Outputs, manifest_key
from oi_tasks.io.store import DATA, REPORTS, Store
from oi_tasks.io.tracking import Tracking
from oi_tasks.jobs import job_class
from oi_tasks.jobs.base import JobIO, execute
from oi_tasks.jobs.gate import Gate
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.settings import Settings
from tests.conftest import SMALL, Chain

pytestmark = pytest.mark.slow
SPLITS = {"tune": 0.15, "test": 0.19}  # fewer test photos than the champion's dataset has: some of those are tune here


def outputs(chain: Chain) -> Outputs:
    return Outputs(Store(chain.settings), chain.settings.cache)


def evaluated(chain: Chain, settings: Settings | None = None, **inputs: Any) -> Output:
    """An evaluation in a run of its own: what is left out at one time is not what a later test finds."""
    job = job_class("evaluate").from_profile(chain.profile, **inputs)
    said = execute(job, settings or chain.settings, force=True)
    return outputs(chain).get("evaluate", said["id"])


@pytest.fixture(scope="module")
def candidate(chain: Chain) -> Chain:
    """The chain's photos and classes in other splits, models trained on them, and their evaluation."""
    champion = chain.said["promote"]["result"]["version"]
    assert Tracking(chain.settings).alias(CASCADE, "champion") == champion
    said: dict[str, dict[str, Any]] = {}
    made = Chain(chain.profile.model_validate(SMALL | {"splits": SPLITS}), chain.settings, said, ())
    fields = {"validated": chain.said["validate"]["id"], "classes": chain.said["collapse"]["id"]}
    said["shards"] = made.job("shards", **fields)
    on = {"dataset": said["shards"]["id"]}
    assert on["dataset"] != chain.said["shards"]["id"]
    said["train_classifier"] = made.job("train_classifier", **on)
    on["classifier"] = said["train_classifier"]["id"]
    clusters = chain.said["plan"]["result"]["clusters"]
    masks = tuple(made.job("train_semseg", **on, cluster=name)["id"] for name in clusters)
    said["evaluate"] = made.job("evaluate", **on, semseg=masks)
    assert said["evaluate"]["result"]["champion"] == champion
    return Chain(made.profile, made.settings, said, masks)


def inputs(candidate: Chain) -> dict[str, str]:
    return {"dataset": candidate.said["shards"]["id"], "classifier": candidate.said["train_classifier"]["id"]}


def found(evaluation: Output) -> dict[str, Any]:
    said: dict[str, Any] = evaluation.read_json("scores.json")["champions_photos"]
    return said


def table(candidate: Chain, name: str, model: str) -> pl.DataFrame:
    read = pl.read_parquet(candidate.output("evaluate").local(f"champions_photos/{name}.parquet"))
    return read.filter(pl.col("model") == model)


# -- which photos


def test_both_are_scored_on_the_champions_test_photos_that_the_candidate_was_not_trained_on(
    chain: Chain, candidate: Chain
) -> None:
    """By the hash alone: what this test says of splits is no reading of either dataset."""
    theirs = pl.read_parquet(chain.output("shards").local("samples.parquet"))["id"].to_list()
    splits = chain.profile.splits
    test = {photo for photo in theirs if split_of(photo, splits.tune, splits.test) == "test"}
    unseen = {photo for photo in test if split_of(photo, **SPLITS) == "test"}
    said = found(candidate.output("evaluate"))
    assert said["dataset"] == chain.said["shards"]["id"]
    assert (said["photos"], said["test_photos"], said["seen"]) == (len(unseen), len(test), len(test - unseen))
    assert said["seen"] >= 5
    for model in ("candidate", "champion"):
        assert set(table(candidate, "photos", model)["id"]) == unseen
    own = pl.read_parquet(candidate.output("shards").local("samples.parquet"))
    assert not set(own.filter(pl.col("split") != "test")["id"]) & unseen


def test_a_candidate_of_the_champions_dataset_is_compared_once(chain: Chain) -> None:
    fields = {"dataset": chain.said["shards"]["id"], "classifier": chain.said["train_classifier"]["id"]}
    evaluation = evaluated(chain, **fields)
    assert found(evaluation) is None
    assert not evaluation.names("champions_photos/")


def test_masks_that_the_champion_brought_do_not_keep_its_test_photos_away(chain: Chain, candidate: Chain) -> None:
    mixed = found(evaluated(candidate, **inputs(candidate), semseg=chain.semseg))
    assert mixed["photos"] == found(candidate.output("evaluate"))["photos"]


# -- what they differ by


def _flags(photos: pl.DataFrame, column: str, classes: list[str]) -> np.ndarray:
    return np.array([[label in named for label in classes] for named in photos[column]])


def test_the_differences_are_those_that_scikit_learn_finds_in_the_tables(candidate: Chain) -> None:
    paired = found(candidate.output("evaluate"))["paired"]
    classes = table(candidate, "per_class", "candidate")["label"].to_list()
    ours, theirs = (table(candidate, "photos", model) for model in ("candidate", "champion"))
    assert ours["id"].to_list() == theirs["id"].to_list()
    truth = _flags(ours, "truth", classes)
    assert (truth == _flags(theirs, "truth", classes)).all()
    shown = np.flatnonzero(truth.any(0))
    for average in ("macro", "micro"):
        labels = shown if average == "macro" else None
        one, other = (
            f1_score(truth, _flags(photos, "said", classes), labels=labels, average=average, zero_division=0)
            for photos in (ours, theirs)
        )
        pair = paired[f"classifier/{average}_f1"]
        assert pair["candidate"] == pytest.approx(one, abs=1e-6)
        assert pair["champion"] == pytest.approx(other, abs=1e-6)
        assert pair["difference"] == pytest.approx(one - other, abs=2e-6)
    recall = [photos["boxes_hit"].sum() / photos["boxes_true"].sum() for photos in (ours, theirs)]
    assert paired["cascade/box_recall"]["difference"] == pytest.approx(recall[0] - recall[1], abs=2e-6)
    for model, photos in (("candidate", ours), ("champion", theirs)):
        rows = {row["label"]: row for row in table(candidate, "per_class", model).iter_rows(named=True)}
        f1 = f1_score(truth, _flags(photos, "said", classes), average=None, zero_division=0)
        for place in shown:
            assert rows[classes[place]]["f1"] == pytest.approx(f1[place], abs=1e-6)


def test_the_interval_is_that_of_a_bootstrap_over_photos(candidate: Chain) -> None:
    """Drawn anew with other random numbers: the ends agree as far as resampling lets them."""
    classes = table(candidate, "per_class", "candidate")["label"].to_list()
    counts = []
    for model in ("candidate", "champion"):
        photos = table(candidate, "photos", model)
        true, said = _flags(photos, "truth", classes), _flags(photos, "said", classes)
        counts.append(np.stack([(true & said).sum(1), true.sum(1) + said.sum(1)], axis=1))
    random, number = np.random.default_rng(20), len(counts[0])
    values = []
    for _ in range(4000):
        rows = random.integers(0, number, number)
        both, whole = np.moveaxis(np.stack([one[rows].sum(0) for one in counts]), 1, 0)
        values.append(np.subtract(*(2 * both / whole)))
    pair = found(candidate.output("evaluate"))["paired"]["classifier/micro_f1"]
    low, high = np.percentile(values, [2.5, 97.5])
    assert pair["low"] == pytest.approx(low, abs=0.1 * (high - low))
    assert pair["high"] == pytest.approx(high, abs=0.1 * (high - low))


# -- the gate


def judged(candidate: Chain, evaluation: str, gate: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The verdict's document, and the words of its page."""
    profile = candidate.profile.model_validate(SMALL | {"splits": SPLITS, "gate": gate})
    made = Chain(profile, candidate.settings, candidate.said, candidate.semseg)
    verdict = made.job("gate", evaluation=evaluation)
    key = made.job("report", verdict=verdict["id"])["result"]["report"].removeprefix(f"{REPORTS}/")
    document = outputs(candidate).get("gate", verdict["id"]).read_json("verdict.json")
    assert VerdictDocument.model_validate(document)
    return document, Store(candidate.settings).get_bytes(REPORTS, key).decode()


def test_within_the_margin_it_passes_and_the_verdict_and_its_page_show_the_photos(candidate: Chain) -> None:
    gate = {"classifier": {"macro_f1": {"floor": 0.0, "may_lose": 1.0}}}
    document, page = judged(candidate, candidate.said["evaluate"]["id"], gate)
    assert document["decision"] == "promote"
    pair = found(candidate.output("evaluate"))["paired"]["classifier/macro_f1"]
    elsewhere = document["champions_photos"]
    (row,) = elsewhere["judged"]
    assert (row["number"], row["may_lose"], row["passed"]) == ("macro_f1", 1.0, True)
    assert (row["value"], row["champion"], row["difference"]) == tuple(
        pair[name] for name in ("candidate", "champion", "difference")
    )
    assert row["lost_at_most"] == max(0.0, -pair["low"])
    assert elsewhere["seen"] == found(candidate.output("evaluate"))["seen"]
    assert f"On {elsewhere['photos']} test photos of that one" in page
    assert elsewhere["dataset"] in page


def test_a_candidate_that_names_nothing_is_worse_on_both(candidate: Chain, tmp_path: Path) -> None:
    """Judged without an entry of its refusal in the ledger, which other tests read."""
    trained = candidate.output("train_classifier")
    folder = candidate.settings.cache / "silent"
    folder.mkdir()
    for name in trained.names():
        (folder / name).write_bytes(trained.read_bytes(name))
    meta = trained.read_json("model.json")
    (folder / "model.json").write_text(json.dumps(meta | {"thresholds": [1.5] * len(meta["classes"])}))
    fields = trained.manifest.fields
    silent = outputs(candidate).publish("train_classifier", "1", "silent", fields, folder, trained.result, {})
    evaluation = evaluated(candidate, **inputs(candidate) | {"classifier": silent.id}, semseg=candidate.semseg)
    gate = {"classifier": {"macro_f1": {"floor": 0.0, "may_lose": 0.02}}}
    profile = candidate.profile.model_validate(SMALL | {"gate": gate})
    job = Gate.from_profile(profile, evaluation=evaluation.id)
    verdict = job._judge(JobIO(candidate.settings, job, tmp_path), evaluation)
    assert [reason.code for reason in verdict.reasons] == ["worse_than_champion", "worse_on_champions_photos"]
    (row,) = verdict.on_champions_photos
    assert (row.passed, row.value) == (False, 0.0)
    assert row.lost_at_most == -found(evaluation)["paired"]["classifier/macro_f1"]["low"]


# -- left out


@contextmanager
def gone(store: Store, key: str) -> Iterator[None]:
    """An object of the data bucket that is not there for a while."""
    body = store.get_bytes(DATA, key)
    store.remove(DATA, key)
    try:
        yield
    finally:
        store.put_bytes(DATA, key, body)


def test_shards_that_are_gone_are_left_out_and_the_page_says_so(
    chain: Chain, candidate: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = chain.said["shards"]["id"]
    with gone(Store(chain.settings), manifest_key("shards", dataset)):
        evaluation = evaluated(candidate, **inputs(candidate), semseg=candidate.semseg)
    why = f"the champion's dataset {dataset} is gone"
    assert found(evaluation) == {"dataset": dataset, "left_out": why}
    assert f"evaluate: nothing was compared on photos of the champion's dataset: {why}\n" in capsys.readouterr().err
    assert evaluation.result["comparable"] is True
    document, page = judged(candidate, evaluation.id, {"classifier": {"macro_f1": {"floor": 0.0, "may_lose": 1.0}}})
    assert (document["decision"], document["reasons"]) == ("promote", [])
    assert (document["champions_photos"]["left_out"], document["champions_photos"]["judged"]) == (why, [])
    assert "is gone." in page
    assert document["note"].endswith(f"not on photos of the champion's dataset: {why}")


def test_a_single_shard_that_is_gone_is_a_reason_too(chain: Chain, candidate: Chain, tmp_path: Path) -> None:
    shards = chain.output("shards")
    lost = shards.manifest.objects[shards.names("shards/test-")[0]]
    assert lost.key not in {ref.key for ref in candidate.output("shards").manifest.objects.values()}
    elsewhere = chain.settings.model_copy(update={"cache": tmp_path / "cache"})
    with gone(Store(chain.settings), lost.key):
        evaluation = evaluated(candidate, elsewhere, **inputs(candidate))
    assert found(evaluation)["left_out"].startswith(
        f"the champion's dataset {shards.id} cannot be read: no such object"
    )
    assert not evaluation.names("champions_photos/")


def test_a_champion_of_other_classes_is_left_out(chain: Chain) -> None:
    fewer = SMALL | {"classes": SMALL["classes"] | {"max": 6}, "splits": SPLITS}
    made = Chain(chain.profile.model_validate(fewer), chain.settings, {}, ())
    validated = chain.said["validate"]["id"]
    dataset = made.job("shards", validated=validated, classes=made.job("collapse", validated=validated)["id"])["id"]
    classifier = made.job("train_classifier", dataset=dataset)["id"]
    evaluation = evaluated(made, dataset=dataset, classifier=classifier)
    assert evaluation.result["comparable"] is False
    assert found(evaluation) == {
        "dataset": chain.said["shards"]["id"],
        "left_out": "the champion has other classes",
    }
