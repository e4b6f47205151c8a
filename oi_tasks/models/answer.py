"""Let one registered version answer, in a process of its own.

Run as a file, `python answer.py request.json`, so that nothing of this package is imported before the version's own
code, which MLflow brings along. The request names the version's folder, the photos and where the answer goes; the
answer holds what was said of each photo, and the times. What the version does not pin cannot be imported here.
"""

import json
import sys
import time
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Load the version from its folder, let it answer photo by photo."""
    folder = Path(asked["folder"])
    pinned = [Requirement(line) for line in (folder / "requirements.txt").read_text("utf-8").splitlines() if line]
    hide_all_but(pinned)
    import mlflow
    import pandas as pd

    started = time.monotonic()
    model = mlflow.pyfunc.load_model(str(folder))
    load_seconds = time.monotonic() - started
    said, milliseconds = [], []
    for photo in asked["photos"]:
        started = time.monotonic()
        row = model.predict(pd.DataFrame({"photo": [Path(photo).read_bytes()]})).iloc[0]
        milliseconds.append(1000 * (time.monotonic() - started))
        said.append({"labels": json.loads(row["labels"]), "boxes": json.loads(row["boxes"])})
    own = getattr(sys.modules.get("oi_tasks"), "__file__", None) or ""
    return {
        "load_seconds": load_seconds,
        "milliseconds": milliseconds,
        "said": said,
        "code": own,
        "own_code": Path(own).is_relative_to(folder),
        "unlike": unlike(pinned),
    }


def unlike(pinned: list[Requirement]) -> list[str]:
    """The pinned requirements that are here in another version."""
    here = {wanted: metadata.version(wanted.name) for wanted in pinned}
    return [
        f"{wanted} is pinned, {there} is here"
        for wanted, there in here.items()
        if not wanted.specifier.contains(there.partition("+")[0], prereleases=True)
    ]


def hide_all_but(pinned: list[Requirement]) -> None:
    """From here on, only what the requirements bring along can be imported: what they lack is missing, as elsewhere."""
    brought = closure(pinned)
    hidden = {
        module
        for module, names in metadata.packages_distributions().items()
        if not {str(canonicalize_name(name)) for name in names} & brought
    }

    class Pinned(PathFinder):
        """Finds modules on the path, but none of the hidden ones."""

        @classmethod
        def find_spec(cls, fullname: str, *args: Any, **kwargs: Any) -> Any:
            return None if fullname.partition(".")[0] in hidden else super().find_spec(fullname, *args, **kwargs)

    sys.meta_path[:] = [Pinned if finder is PathFinder else finder for finder in sys.meta_path]


def closure(pinned: list[Requirement]) -> set[str]:
    """Names of the distributions that the requirements bring along, themselves included."""
    todo, brought = list(pinned), set[str]()
    while todo:
        name = str(canonicalize_name(todo.pop().name))
        if name in brought:
            continue
        brought.add(name)
        try:
            needed = [Requirement(line) for line in metadata.requires(name) or []]
        except metadata.PackageNotFoundError:
            continue
        todo += [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    return brought


if __name__ == "__main__":
    request = Path(sys.argv[1])
    asked = json.loads(request.read_text(encoding="utf-8"))
    Path(asked["answer"]).write_text(json.dumps(answer(asked)), encoding="utf-8")
