"""What answers about photos, from a folder of model files."""

from pathlib import Path

from oi_tasks.models.cascade import PINNED, Cascade, Pinned
from oi_tasks.models.predictor import Predictor
from oi_tasks.models.saved import load_model
from oi_tasks.models.single_stage import SingleStage


def load_predictor(folder: Path) -> Predictor | None:
    """A cascade, a classifier as one without clusters, or a detector; None for the model of a cluster.

    Raises BadInput when a file is missing or damaged.
    """
    if (folder / PINNED).is_file():
        return Cascade.load(folder)
    model, meta = load_model(folder)
    if meta.kind == "detector":
        return SingleStage((model, meta))
    nothing = Pinned(parts={}, dataset=meta.dataset, classes_key="")
    return Cascade((model, meta), {}, nothing) if meta.kind == "classifier" else None
