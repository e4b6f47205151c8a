"""A trained model as files: `model.safetensors` and `model.json`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from oi_tasks.errors import BadInput
from oi_tasks.models.classifier import Classifier
from oi_tasks.models.detector import Detector
from oi_tasks.models.semseg import Semseg

if TYPE_CHECKING:
    from oi_tasks.io.outputs import Output

TENSORS, META = "model.safetensors", "model.json"
Model = Classifier | Semseg | Detector


class ModelMeta(BaseModel):
    """What a model is, and what is needed to use it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["classifier", "semseg", "detector"]
    backbone: str
    head: str = "adaptive"
    mirror: bool = False  # a classifier that also sees each photo mirrored
    classes: tuple[str, ...]  # MIDs, one an output
    names: tuple[str, ...]
    thresholds: tuple[float, ...]  # of probabilities, one a class
    canvases: dict[str, tuple[int, int]]  # width and height in pixels, by aspect bin
    cluster: str = ""  # slug, of a segmentation model
    loss: str
    activation: Literal["sigmoid", "softmax"]  # turns logits into probabilities
    width: int = 0  # channels of a detector's maps
    stride: int = 1  # photo pixels for each mask cell
    dataset: str  # id of the dataset that it was trained on
    labels: dict[str, str] = {}  # the class map: the class of each label that has one, both by MID
    ancestors: dict[str, tuple[str, ...]] = {}  # what each class is a kind of, nearest first
    unverified: Literal["ignore", "negative"] = "negative"  # what a class not verified for a photo was taken for

    def decide(self, probabilities: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Which classes (N, C) a classifier names: those at or above their thresholds; of a softmax the likeliest.

        Under a softmax classes compete for a photo that shows one of them, and no threshold has to be crossed.
        """
        named: NDArray[np.bool_] = probabilities >= np.array(self.thresholds)
        if self.activation == "softmax":
            named = np.arange(len(self.classes)) == probabilities.argmax(1)[:, None]
        return named


def save_model(folder: Path, model: Model, meta: ModelMeta) -> None:
    """Write a model below a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / TENSORS)
    (folder / META).write_text(meta.model_dump_json(indent=1))


def load_model(folder: Path) -> tuple[Model, ModelMeta]:
    """A model in evaluation mode, on the CPU, and its facts. Raises BadInput when a file is missing or damaged."""
    try:
        meta = ModelMeta.model_validate_json((folder / META).read_bytes())
        model = make_model(meta)
        model.load_state_dict(load_file(folder / TENSORS))
    except FileNotFoundError as error:
        raise BadInput(
            f"the model lacks {Path(error.filename or TENSORS).name}", where=str(folder), code="damaged"
        ) from None
    except (ValidationError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"the model's files are damaged: {reason}", where=str(folder), code="damaged") from None
    return model.to(memory_format=torch.channels_last).eval(), meta


def load_trained(trained: "Output", scratch: Path) -> tuple[Model, ModelMeta]:
    """The same of a training's output; its files are put below `scratch`."""
    folder = scratch / "trained" / trained.id
    folder.mkdir(parents=True, exist_ok=True)
    for name in (TENSORS, META):
        (folder / name).write_bytes(trained.read_bytes(name))
    return load_model(folder)


def make_model(meta: ModelMeta) -> Model:
    """An untrained model of that kind and size."""
    if meta.kind == "classifier":
        side = max(max(size) for size in meta.canvases.values())
        return Classifier(meta.backbone, len(meta.classes), meta.head, side, meta.mirror)
    if meta.kind == "detector":
        return Detector(meta.backbone, len(meta.classes), meta.width)
    return Semseg(meta.backbone, len(meta.classes))
