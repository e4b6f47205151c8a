"""How models stand in the MLflow registry: a pyfunc that takes photos as bytes, and answers in plain columns."""

import io
import json
from pathlib import Path
from typing import Any

import mlflow.models
import mlflow.pyfunc
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema


class RegisteredModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """The cascade, its classifier, or a detector: a photo a row in the column `photo`, encoded (JPEG, PNG)."""

    @staticmethod
    def signature() -> ModelSignature:
        """Photos in; labels, boxes and the clusters that ran out, each as JSON."""
        text = DataType.string
        return ModelSignature(
            inputs=Schema([ColSpec(DataType.binary, "photo")]),
            outputs=Schema([ColSpec(text, "labels"), ColSpec(text, "boxes"), ColSpec(text, "clusters")]),
        )

    def load_context(self, context: Any) -> None:
        """Load the network from the artifacts."""
        from oi_tasks.models.reading import load_predictor

        self.model = load_predictor(Path(context.artifacts["model"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """For each photo: probabilities by MID of the classes that are there, boxes in Open Images' columns, and the
        clusters that looked for them.
        """
        if self.model is None:
            raise ValueError("a cluster's model answers through the cascade: load oi-cascade")
        rows = []
        meta = self.model.meta
        for found in self.model.predict(list(model_input["photo"])):
            (named,) = meta.decide(found.probabilities[None])
            there = {
                label: round(float(value), 6)
                for label, value, said in zip(meta.classes, found.probabilities, named, strict=True)
                if said
            }
            boxes = [
                dict(
                    zip(
                        ("LabelName", "Score", "XMin", "YMin", "XMax", "YMax"),
                        (box.label, box.score, *box.box),
                        strict=True,
                    )
                )
                for box in found.boxes
            ]
            rows.append({"labels": json.dumps(there), "boxes": json.dumps(boxes), "clusters": json.dumps(found.ran)})
        return pd.DataFrame(rows)


def example(folder: Path) -> pd.DataFrame | None:
    """A drawn photo as the model of a folder takes it, encoded; None for a cluster's model, which answers no one."""
    from oi_tasks.drawn.kinds import main_kind
    from oi_tasks.drawn.scenes import compose
    from oi_tasks.models.saved import META, ModelMeta

    if (folder / META).is_file() and ModelMeta.model_validate_json((folder / META).read_bytes()).kind == "semseg":
        return None
    encoded = io.BytesIO()
    compose(0, "0", main_kind(0, 0)).photo().save(encoded, "JPEG")
    return pd.DataFrame({"photo": [encoded.getvalue()]})


mlflow.models.set_model(RegisteredModel())  # MLflow logs this file as the model: nothing is pickled
