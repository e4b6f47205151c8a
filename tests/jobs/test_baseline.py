"""The single-stage detector on the chain's release: trained, ended and gone on, compared with the cascade, answering."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.shards import ShardReader
from oi_tasks.io.store import REPORTS, Store
from oi_tasks.io.tracking import Tracking
from oi_tasks.models.opening import open_model
from oi_tasks.models.saved import load_trained
from oi_tasks.models.single_stage import SingleStage
from oi_tasks.profile import Profile
from tests.conftest import SMALL, Chain
from tests.core.plain_map import plain_map
from tests.jobs.stopped import EACH_STEP, demand_equal_weights
from tests.jobs.test_retrain import OI, _env_file
from tests.models.test_detections import tree_of

pytestmark = pytest.mark.slow
RECIPE = {"width": 64, "epochs": {"frozen": 0, "unfrozen": 8}, "batch": 16, "rate": 5e-3, "encoder_rate": 1e-3}


def inputs(chain: Chain) -> dict[str, str]:
    return {"dataset": chain.said["shards"]["id"], "classifier": chain.said["train_classifier"]["id"]}


@pytest.fixture(scope="module")
def baseline(chain: Chain) -> Chain:
    return Chain(Profile.model_validate(SMALL | {"detector": RECIPE}), chain.settings, dict(chain.said), chain.semseg)


@pytest.fixture(scope="module")
def trained(baseline: Chain) -> dict[str, Any]:
    baseline.said["train_detector"] = baseline.job("train_detector", **inputs(baseline))
    return baseline.said["train_detector"]


@pytest.fixture(scope="module")
def compared(baseline: Chain, trained: dict[str, Any]) -> dict[str, Any]:
    said = baseline.job("compare_detector", evaluation=baseline.said["evaluate"]["id"], detector=trained["id"])
    baseline.said["compare_detector"] = said
    return said


def test_it_learns_the_classes_that_the_cascade_finds_boxes_of(baseline: Chain, trained: dict[str, Any]) -> None:
    index = baseline.output("shards").read_json("index.json")
    meta = baseline.output("train_detector").read_json("model.json")
    assert meta["classes"] == [label for one in index["clusters"] if one["trained"] for label in one["classes"]]
    curves = baseline.output("train_detector").read_json("curves.json")
    assert len(curves) == RECIPE["epochs"]["unfrozen"]
    assert curves[-1]["loss"] < 0.7 * curves[0]["loss"]
    assert trained["result"]["metrics"]["map"] > 0
    tracking = Tracking(baseline.settings)
    assert tracking.alias("oi-detector", "candidate") == trained["result"]["model_version"]
    assert baseline.job("train_detector", **inputs(baseline))["reused"]


def test_ended_and_gone_on_it_has_the_same_weights(baseline: Chain, tmp_path: Path) -> None:
    recipe = RECIPE | {"epochs": {"frozen": 0, "unfrozen": 4}, "seed": 1, "checkpoints": EACH_STEP}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(SMALL)) | {"detector": recipe}))
    words = [OI, "train_detector", "--profile", str(tmp_path / "own.yaml")]
    words += [word for name, value in inputs(baseline).items() for word in ("--set", f"{name}={value}")]
    environment = os.environ | {"OI_ENV_FILE": str(_env_file(baseline, tmp_path))}
    outputs = Outputs(Store(baseline.settings), baseline.settings.cache)
    demand_equal_weights(words, environment, outputs, "train_detector", steps=8)


def test_its_map_is_the_plain_metrics_and_the_cascades_is_the_evaluations(
    baseline: Chain, compared: dict[str, Any], tmp_path: Path
) -> None:
    reader = ShardReader(baseline.output("shards"), "test")
    detector = load_trained(baseline.output("train_detector"), tmp_path)
    model, labels = SingleStage(detector, 0.02), [entry.label for entry in reader.index.classes]
    boxes, verified, predictions = [], [], []
    for sample in reader.samples():
        boxes += [(sample.id, labels[box["class"]], tuple(box["box"]), box["group"] == 1) for box in sample.boxes]
        there = {box["class"] for box in sample.boxes} | set(sample.present)
        verified += [(sample.id, label, False) for place, label in enumerate(labels) if place not in there]
        (found,) = model.predict_images([sample.image])
        predictions += [(sample.id, box.label, box.box, box.score) for box in found.boxes]
    plain = plain_map(tree_of(baseline), boxes, verified, predictions, expand_predictions=True)
    expected = np.mean([plain[label][0] for label in labels if label in plain])
    numbers = compared["result"]["numbers"]
    assert numbers["detector"]["map"] == pytest.approx(expected, abs=1e-4)
    evaluated = baseline.said["evaluate"]["result"]["numbers"]["cascade"]
    assert {name: numbers["cascade"][name] for name in evaluated} == pytest.approx(evaluated, abs=1e-5)
    assert {name for name in evaluated if name.startswith("box_recall_")}


def test_the_page_and_mlflow_have_both(baseline: Chain, compared: dict[str, Any]) -> None:
    said = compared["result"]
    page = Store(baseline.settings).get_bytes(REPORTS, said["report"].removeprefix(f"{REPORTS}/")).decode()
    assert "box recall, large" in page
    assert "seconds a photo" in page
    assert re.search(r"mAP 0\.\d{3} of the cascade", page)
    logged = Tracking(baseline.settings).client.get_run(said["mlflow_run"]).data.metrics
    for who in ("cascade", "detector"):
        assert logged[f"headline/map of {who}"] == pytest.approx(said["numbers"][who]["map"])
        assert logged[f"headline/seconds of {who}"] > 0
    document = baseline.output("compare_detector").read_json("comparison.json")
    pair = document["paired"]["map"]
    assert pair["difference"] == pytest.approx(pair["candidate"] - pair["champion"], abs=2e-6)
    assert pair["low"] <= pair["difference"] <= pair["high"]
    assert baseline.job("compare_detector", evaluation=baseline.said["evaluate"]["id"], detector=said_id(baseline))[
        "reused"
    ]


def said_id(baseline: Chain) -> str:
    return str(baseline.said["train_detector"]["id"])


def test_the_registered_version_answers_as_the_trained_one(
    baseline: Chain, trained: dict[str, Any], tmp_path: Path
) -> None:
    reader = ShardReader(baseline.output("shards"), "test")
    version = trained["result"]["model_version"]
    opened, name = open_model(f"models:/oi-detector/{version}", baseline.settings, tmp_path)
    assert name == f"oi-detector version {version}"
    photos = [reader.jpeg(row) for row in range(6)]
    own = SingleStage(load_trained(baseline.output("train_detector"), tmp_path))
    for ours, theirs in zip(own.predict(photos), opened.predict(photos), strict=True):
        assert ours.boxes == theirs.boxes
        assert all(box.score >= own.meta.thresholds[own.classes.index(box.label)] for box in ours.boxes)
    (tmp_path / "photo.jpg").write_bytes(photos[0])
    code = (
        "import sys, mlflow, pandas\n"
        f"mlflow.set_tracking_uri({baseline.settings.mlflow_url!r})\n"
        f"model = mlflow.pyfunc.load_model('models:/oi-detector/{version}')\n"
        "photo = open('photo.jpg', 'rb').read()\n"
        "print(model.predict(pandas.DataFrame({'photo': [photo]})).to_json(orient='records'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    said = json.loads(json.loads(done.stdout.strip().splitlines()[-1])[0]["boxes"])
    (found,) = own.predict(photos[:1])
    assert [(box["LabelName"], box["Score"]) for box in said] == [
        (b.label, pytest.approx(b.score)) for b in found.boxes
    ]


def test_what_cannot_be_trained_or_compared_is_one_line(baseline: Chain, trained: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"the encoder comes from the classifier, and none is given.*detector\.encoder"):
        baseline.job("train_detector", dataset=baseline.said["shards"]["id"])
