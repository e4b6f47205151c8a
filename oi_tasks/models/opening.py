"""A model by its address: a registered version, or a folder that holds one."""

import re
from pathlib import Path

from oi_tasks.errors import BadInput
from oi_tasks.io.tracking import Tracking
from oi_tasks.models.cascade import PINNED
from oi_tasks.models.predictor import Predictor
from oi_tasks.models.reading import load_predictor
from oi_tasks.models.saved import META
from oi_tasks.settings import Settings

REGISTERED = re.compile(r"^models:/(?P<name>[\w.-]+)(?:@(?P<alias>[\w.-]+)|/(?P<version>\d+))$")
EXAMPLE = "give models:/NAME@ALIAS, models:/NAME/VERSION or the folder of a model"


def open_model(address: str, settings: Settings, scratch: Path) -> tuple[Predictor, str]:
    """The model at an address (a classifier alone is a cascade without clusters), and what it is called.

    Raises BadInput when the address is none, or nothing fit to classify stands there, and Unreachable without MLflow.
    """
    if address.startswith("models:"):
        folder, name = _registered(address, settings, scratch)
        return _load(folder, name), name
    folder = Path(address).expanduser()
    if not folder.is_dir():
        raise BadInput(f"there is no model {address}", fix=EXAMPLE, code="no_model")
    return _load(_files_of(folder), address), address


def _registered(address: str, settings: Settings, scratch: Path) -> tuple[Path, str]:
    found = REGISTERED.match(address)
    if not found:
        raise BadInput(f"{address!r} is no address of a model", fix=EXAMPLE, code="no_model")
    tracking = Tracking(settings)
    tracking.check()
    name, alias = found["name"], found["alias"]
    version = tracking.alias(name, alias) if alias else int(found["version"])
    if version is None:
        raise BadInput(
            f"the registry has no {name}@{alias}", where=tracking.url, fix="promote a model first", code="no_model"
        )
    return tracking.download(name, version, scratch / "model"), f"{name} version {version}"


def _files_of(folder: Path) -> Path:
    """The folder of model files: of an MLflow model, or the folder itself, or the one that stands nearest below it."""
    if not (folder / "MLmodel").is_file():
        found = sorted((*folder.rglob(PINNED), *folder.rglob(META)), key=lambda file: len(file.parts))
        return found[0].parent if found else folder
    import mlflow

    flavours = mlflow.models.Model.load(folder).flavors
    artifacts = flavours.get("python_function", {}).get("artifacts", {})
    if "model" not in artifacts:
        raise BadInput("the MLflow model is none of this project's", where=str(folder), fix=EXAMPLE, code="no_model")
    return folder / str(artifacts["model"]["path"])


def _load(folder: Path, name: str) -> Predictor:
    if not (folder / PINNED).is_file() and not (folder / META).is_file():
        raise BadInput(f"{name} holds no model", where=str(folder), fix=EXAMPLE, code="no_model")
    found = load_predictor(folder)
    if found is None:
        fix = "give a classifier, a cascade or a detector"
        raise BadInput(f"{name} is the segmentation model of a cluster", fix=fix, code="no_model")
    return found
