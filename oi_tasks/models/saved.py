"""A trained model as two files: `model.safetensors` and `model.json`, which says what the network is and answers."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict
from safetensors.torch import load_file, save_file
from torch import nn

from oi_tasks.models.classifier import Classifier
from oi_tasks.models.semseg import Semseg

TENSORS, META = "model.safetensors", "model.json"


class ModelMeta(BaseModel):
    """What a trained model is: its network, its classes in the order of its outputs, and how to read them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["classifier", "semseg"]
    backbone: str
    classes: tuple[str, ...]  # MIDs
    names: tuple[str, ...]
    thresholds: tuple[float, ...]  # a class is said to be there from this probability on
    activation: Literal["sigmoid", "softmax"] = "sigmoid"
    canvases: dict[str, tuple[int, int]]  # width and height in pixels, by aspect bin
    cluster: str = ""
    stride: int = 8
    dataset: str = ""


def save_model(folder: Path, model: nn.Module, meta: ModelMeta) -> None:
    """Write a model's two files."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / TENSORS)
    (folder / META).write_text(meta.model_dump_json(indent=1))


def load_meta(folder: Path) -> ModelMeta:
    """What the model in a folder is."""
    return ModelMeta.model_validate_json((folder / META).read_text())


def load_model(folder: Path) -> tuple[nn.Module, ModelMeta]:
    """The model in a folder, in eval mode, and what it is."""
    meta = load_meta(folder)
    network = Classifier if meta.kind == "classifier" else Semseg
    model = network(meta.backbone, len(meta.classes))
    model.load_state_dict(load_file(folder / TENSORS))
    return model.eval(), meta
