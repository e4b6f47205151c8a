"""The model card: what it says, and that it fits into the registry."""

from dataclasses import replace

import pytest

from oi_tasks.io.store import REPORTS
from oi_tasks.io.tracking import Tracking
from oi_tasks.reports.card import LONGEST, Card, PartCard, about, as_metrics
from oi_tasks.reports.numbers import NAMES
from oi_tasks.results import airflow_page, result_key
from oi_tasks.settings import Settings
from tests.conftest import Chain
from tests.io.registry import SmallRegistry

CARD = Card(
    model="oi-cascade",
    version=7,
    snapshot="5" * 20,
    dataset="d" * 20,
    classes=("Dog", "Cat"),
    clusters=("animal",),
    test_photos=1234,
    numbers={
        "classifier": {"macro_f1": {"value": 0.81234, "low": 0.79, "high": 0.84}},
        "semseg/animal": {
            "mean_iou": {"value": 0.5, "low": None, "high": None},
            "iou_of_dog": {"value": 0.4, "low": 0.3, "high": 0.5},
        },
    },
    errors="oi-reports/errors/e.html",
)


def test_it_says_data_classes_figures_limits_and_how_to_call_it() -> None:
    said = CARD.markdown()
    assert f"snapshot `{'5' * 20}`, dataset `{'d' * 20}`" in said
    assert "**Classes** (2): Dog, Cat." in said
    assert "the 1,234 test photos" in said
    assert "- classifier: macro F1 0.812 (0.790 to 0.840)\n" in said
    assert "- semseg/animal: mean IoU 0.500\n" in said
    assert "iou_of_dog" not in said
    assert 'mlflow.pyfunc.load_model("models:/oi-cascade/7")' in said
    assert "**Limits**" in said
    assert "Where it errs: `oi-reports/errors/e.html`." in said


def test_it_begins_with_a_sentence_and_links_to_the_errors_where_their_address_is_known() -> None:
    assert CARD.markdown().startswith("Version 7: macro F1 0.812 on 1,234 test photos.\n\n")
    boxes = {"map": {"value": 0.0424, "low": None, "high": None}}
    said = replace(CARD, numbers={**CARD.numbers, "cascade": boxes}, errors="http://store/oi-reports/e.html").markdown()
    assert said.startswith("Version 7: macro F1 0.812, mAP 0.042 on 1,234 test photos.\n\n")
    assert "Where it errs: [the error analysis](http://store/oi-reports/e.html)." in said
    assert replace(CARD, numbers={}).markdown().startswith("Version 7: nothing measured on")


def test_that_of_a_part_says_what_it_is_and_how_it_is_called() -> None:
    part = PartCard(
        model="oi-semseg",
        version=3,
        kind="semseg",
        what="resnet18, cluster fish",
        summary="12 photos, 2 epochs",
        snapshot="",
        dataset="d" * 20,
        classes=[f"Fish number {n}" for n in range(900)],
        canvases={"2x1": (128, 64)},
        metrics={"mean_iou": 0.51239, "iou/Fish": 0.4},
    )
    said = part.markdown()
    assert len(said) <= LONGEST
    assert said.startswith("12 photos, 2 epochs.\n")
    assert "resnet18, cluster fish; photos on canvases of 128×64 pixels" in said
    assert "- mean IoU 0.512\n" in said
    assert "iou/Fish" not in said
    assert "a version of `oi-cascade` calls it" in said
    assert (
        "`oi evaluate FOLDER --model models:/oi-classifier/4`"
        in replace(part, kind="classifier", model="oi-classifier", version=4).markdown()
    )


def test_an_evaluation_has_the_same_headline_whatever_its_clusters_and_it_sorts_first() -> None:
    numbers = {
        "semseg/fish": {"mean_iou": 0.2, "iou_of_cod": None},
        "classifier": {"macro_f1": 0.0, "calibration_error": 0.1},
        "cascade": {"map": 0.3},
        "semseg/dog": {"mean_iou": 0.6},
    }
    named = as_metrics(numbers)
    assert named == {
        "headline/macro_f1": 0.0,
        "headline/map": 0.3,
        "headline/mean_iou": pytest.approx(0.4),
        "parts/cascade/map": 0.3,
        "parts/classifier/macro_f1": 0.0,
        "parts/classifier/calibration_error": 0.1,
        "parts/semseg/dog/mean_iou": 0.6,
        "parts/semseg/fish/mean_iou": 0.2,
    }
    assert list(named)[:3] == sorted(named)[:3]
    assert set(as_metrics({"classifier": {"macro_f1": None}, "cascade": {"map": 0.3}})) == {
        "headline/map",
        "parts/cascade/map",
    }


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("oi-cascade", "`models:/oi-cascade@champion`"),
        ("oi-classifier", "which classes a photo shows"),
        ("oi-semseg-fresh-fish", "the cluster `fresh-fish`"),
        ("oi-detector", "`models:/oi-detector@candidate`"),
    ],
)
def test_each_model_is_described(model: str, words: str) -> None:
    assert words in about(model)


def test_without_clusters_or_a_snapshot_it_says_so() -> None:
    said = replace(CARD, clusters=(), snapshot="").markdown()
    assert "none: it finds no boxes" in said
    assert "snapshot `unknown`" in said


@pytest.mark.parametrize("count", [1, 76, 600, 5000])
def test_it_is_never_longer_than_the_registry_takes(count: int) -> None:
    numbers = {f"semseg/{name}": CARD.numbers["semseg/animal"] for name in "abcdefghijkl"} | {
        "classifier": {f"number_{n}": {"value": 0.5, "low": 0.4, "high": 0.6} for n in range(12)}
    }
    classes = [f"Class number {n}" for n in range(count)]
    said = replace(CARD, classes=classes, numbers=numbers).markdown()
    assert len(said) <= LONGEST
    assert f"**Classes** ({count})" in said
    assert ("more." in said) == (count > 600 - 1)
    assert said.endswith("models:/oi-cascade/7`.\n")


def test_the_registry_keeps_it(settings: Settings) -> None:
    registry = SmallRegistry(settings)
    version = registry.new_version()
    Tracking(settings).describe(registry.model, version, CARD.markdown())
    kept = Tracking(settings).client.get_model_version(registry.model, str(version))
    assert kept.description == CARD.markdown()


def test_the_page_of_a_run_in_airflow() -> None:
    key = result_key("oi_retrain", "manual__2026-11-26T02:00:00+00:00", "train_semseg", 3)
    page = airflow_page("http://127.0.0.1:8080/", key)
    assert page == "http://127.0.0.1:8080/dags/oi_retrain/runs/manual__2026-11-26T02%3A00%3A00%2B00%3A00"
    assert airflow_page("", key) == ""
    assert airflow_page("http://127.0.0.1:8080", "by-hand.json") == ""


@pytest.mark.slow
def test_a_part_has_the_card_of_its_training(chain: Chain) -> None:
    semseg = chain.output("train_semseg")
    cluster = semseg.manifest.fields["cluster"]
    for made, model in ((chain.output("train_classifier"), "oi-classifier"), (semseg, f"oi-semseg-{cluster}")):
        said = Tracking(chain.settings).client.get_model_version(model, str(made.result["model_version"])).description
        assert chain.output("snapshot").id in said
        for name, value in made.result["metrics"].items():
            assert "/" in name or f"- {NAMES.get(name, name)} {value:.3f}\n" in said
    assert f", cluster {cluster};" in said


@pytest.mark.slow
def test_the_models_of_a_chain_are_described_in_the_registry(chain: Chain) -> None:
    client, cluster = Tracking(chain.settings).client, chain.output("train_semseg").manifest.fields["cluster"]
    for name in ("oi-cascade", "oi-classifier", f"oi-semseg-{cluster}"):
        assert client.get_registered_model(name).description == about(name)


@pytest.mark.slow
def test_a_candidate_has_the_card_of_its_evaluation_and_tags_that_lead_on(chain: Chain) -> None:
    evaluation = chain.output("evaluate")
    version, scores = evaluation.result["candidate"], evaluation.read_json("scores.json")
    kept = Tracking(chain.settings).client.get_model_version("oi-cascade", str(version))
    found = scores["numbers"]["classifier"]["macro_f1"]
    assert f"classifier: macro F1 {found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})" in kept.description
    assert f'load_model("models:/oi-cascade/{version}")' in kept.description
    assert chain.output("snapshot").id in kept.description
    assert kept.tags["errors_page"].endswith(evaluation.result["errors"].removeprefix(REPORTS))
    assert kept.tags["snapshot"] == chain.output("snapshot").id
    assert f"/runs/{evaluation.result['mlflow_run']}" in kept.tags["mlflow_page"]
