"""Open a cascade by its address in the registry, or from a folder."""

import re
from collections.abc import Callable
from pathlib import Path

from oi_tasks.errors import BadInput
from oi_tasks.io.tracking import Tracking
from oi_tasks.models.cascade import PINNED, Cascade

ADDRESS = re.compile(r"^models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))$")
FORMS = "write models:/oi-cascade@champion, models:/oi-cascade/3, or the path of a folder"


def open_cascade(model: str, tracking: Callable[[], Tracking], scratch: Path) -> Cascade:
    """The cascade at `models:/name@alias` or `models:/name/version`, or in a folder: its own, or one that MLflow made.

    Raises BadInput when there is none.
    """
    if not model.startswith("models:"):
        return Cascade.load(_folder(Path(model).expanduser()))
    found = ADDRESS.match(model)
    if found is None:
        raise BadInput(f"{model!r} is no address of a model", fix=FORMS)
    registry, name = tracking(), found["name"]
    version = int(found["version"]) if found["version"] else registry.alias(name, found["alias"])
    if version is None:
        fix = "train and promote one (make demo), or name a version: models:/NAME/1"
        raise BadInput(f"the registry has no {name}@{found['alias']}", registry.url, fix)
    return Cascade.load(_folder(registry.download(name, version, scratch / "model")))


def _folder(path: Path) -> Path:
    """The folder below a path that holds a cascade."""
    if not path.is_dir():
        raise BadInput(f"there is no model folder {path}", fix=FORMS)
    found = sorted(path.rglob(PINNED), key=lambda file: len(file.parts))
    if not found:
        fix = "the parts of a cascade answer through it: take oi-cascade"
        raise BadInput("the model is no cascade", where=f"{path} holds no {PINNED}", fix=fix)
    return found[0].parent
