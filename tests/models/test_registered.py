"""A registered classifier: whoever has its version has all that it takes to use it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from oi_tasks.core.aspect import BINS, canvas
from oi_tasks.models.classifier import Classifier
from oi_tasks.models.registered import example
from oi_tasks.models.saved import ModelMeta, save_model
from oi_tasks.models.semseg import Semseg
from tests.conftest import Chain

SCRIPT = """
import json, sys, mlflow
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/oi-classifier@champion")
(answer,) = model.predict(model.input_example).to_dict("records")
print(json.dumps({
    "photo": type(model.input_example["photo"][0]).__name__,
    "labels": json.loads(answer["labels"]),
    "boxes": json.loads(answer["boxes"]),
    "inputs": model.metadata.signature.inputs.to_dict(),
    "requirements": open(mlflow.pyfunc.get_model_dependencies("models:/oi-classifier@champion")).read().split(),
    "training": [name for name in sys.modules if name.startswith(("oi_tasks.jobs", "oi_tasks.training"))],
}))
"""


def meta(**changed: object) -> ModelMeta:
    fields: dict[str, object] = {
        "kind": "classifier",
        "backbone": "test_resnet",
        "classes": ("/m/a", "/m/b", "/m/c"),
        "names": ("A", "B", "C"),
        "thresholds": (0.5, 0.2, 0.9),
        "canvases": {name: canvas(name, 64) for name in BINS},
        "loss": "bce",
        "activation": "sigmoid",
        "dataset": "0" * 20,
    }
    return ModelMeta.model_validate(fields | changed)


def test_a_sigmoid_names_what_crosses_its_threshold_and_a_softmax_the_likeliest() -> None:
    import numpy as np

    said = np.array([[0.6, 0.1, 0.95], [0.2, 0.3, 0.25], [0.1, 0.15, 0.4]])
    assert meta().decide(said).tolist() == [[True, False, True], [False, True, False], [False, False, False]]
    alone = meta(loss="softmax", activation="softmax").decide(said)
    assert alone.tolist() == [[False, False, True], [False, True, False], [False, False, True]]


def test_a_classifier_has_an_example_and_a_clusters_model_has_none(tmp_path: Path) -> None:
    save_model(tmp_path / "classifier", Classifier("test_resnet", 3), meta())
    save_model(tmp_path / "cluster", Semseg("test_resnet", 3), meta(kind="semseg", cluster="fish"))
    found = example(tmp_path / "classifier")
    assert found is not None
    assert found["photo"][0].startswith(b"\xff\xd8")
    assert example(tmp_path / "cluster") is None


@pytest.mark.slow
def test_it_answers_its_example_in_a_process_of_its_own(chain: Chain, tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, chain.settings.mlflow_url]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["photo"] == "bytes"
    assert found["inputs"] == [{"type": "binary", "name": "photo", "required": True}]
    assert found["boxes"] == []
    assert found["training"] == []
    assert all("==" in requirement for requirement in found["requirements"])
    facts = json.loads(chain.output("train_classifier").read_bytes("model.json"))
    assert set(found["labels"]) <= set(facts["classes"])
    class_map = chain.output("collapse").read_json("class_map.json")
    assert facts["labels"] == {label: fate["class"] for label, fate in class_map["labels"].items() if fate["class"]}
    assert facts["unverified"] == class_map["unverified"]
