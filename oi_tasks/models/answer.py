"""Let one registered version answer, in a process of its own.

Run as a file, `python answer.py request.json`, so that nothing of this package is imported before the version's own
code, which MLflow brings along. The request names the registry, the model, the version, the photos and where the answer
goes; the answer holds what was said of each photo, the times, and what was imported beside the pinned requirements.
"""

import json
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any


def answer(asked: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Load the version, let it answer photo by photo."""
    before = set(sys.modules)
    import mlflow
    import pandas as pd

    mlflow.set_tracking_uri(asked["registry"])
    folder = mlflow.artifacts.download_artifacts(f"models:/{asked['model']}/{asked['version']}", dst_path=str(scratch))
    started = time.monotonic()
    model = mlflow.pyfunc.load_model(folder)
    load_seconds = time.monotonic() - started
    said, milliseconds = [], []
    for photo in asked["photos"]:
        started = time.monotonic()
        row = model.predict(pd.DataFrame({"photo": [Path(photo).read_bytes()]})).iloc[0]
        milliseconds.append(1000 * (time.monotonic() - started))
        said.append({"labels": json.loads(row["labels"]), "boxes": json.loads(row["boxes"])})
    imported = {name.partition(".")[0] for name in set(sys.modules) - before}
    pinned = (Path(folder) / "requirements.txt").read_text(encoding="utf-8").splitlines()
    own = getattr(sys.modules.get("oi_tasks"), "__file__", None) or ""
    return {
        "load_seconds": load_seconds,
        "milliseconds": milliseconds,
        "said": said,
        "own_code": Path(own).is_relative_to(folder),
        **compared(pinned, imported),
    }


def compared(pinned: list[str], imported: set[str]) -> dict[str, list[str]]:
    """What differs from the pinned requirements: `unlike` in version, `foreign` those they do not bring along."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    todo = [Requirement(line) for line in pinned if line.strip() and not line.startswith("#")]
    unlike, brought = [], {"oi-tasks"}
    for wanted in todo:
        there = metadata.version(wanted.name)
        if not wanted.specifier.contains(there.partition("+")[0], prereleases=True):
            unlike.append(f"{wanted} is pinned, {there} is here")
    while todo:
        name = canonicalize_name(todo.pop().name)
        if name in brought:
            continue
        brought.add(name)
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        needed = [Requirement(line) for line in lines]
        todo += [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    owners = {
        module: {str(canonicalize_name(name)) for name in names}
        for module, names in metadata.packages_distributions().items()
        if module in imported
    }
    foreign: list[str] = sorted(min(names) for names in owners.values() if not names & brought)
    return {"unlike": unlike, "foreign": foreign}


if __name__ == "__main__":
    request = Path(sys.argv[1])
    asked = json.loads(request.read_text(encoding="utf-8"))
    Path(asked["answer"]).write_text(json.dumps(answer(asked, request.parent / "model")), encoding="utf-8")
