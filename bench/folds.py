"""Figures on photos that a profile's classifier has not seen: `python -m bench.folds [--folds 5] [--only 1]`.

Each fold is a release of its own: four fifths of the photos go through the jobs, from fetch to a registered classifier,
as any release does; the last fifth is scored as `oi evaluate FOLDER` scores a folder. Beside it the linear classifier
on frozen features, in the same folds. `--test FOLDER` trains on all photos and scores that folder. `--state FOLDER`
keeps the servers' data, so that a run that was stopped goes on and folds that are done are reused.
"""

import argparse
import csv
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from oi_tasks.jobs import job_class
from oi_tasks.jobs.base import execute
from oi_tasks.local import services
from oi_tasks.local.addresses import Addresses
from oi_tasks.profile import Profile, load_profile
from oi_tasks.settings import Settings

TUNE = 0.1  # share of a fold's training photos that set thresholds
ANNOTATION = ("annotations-bbox", "annotations-human-imagelabels-boxable", "images-boxable")
Documents = list[dict[str, Any]]


def main() -> None:
    """Make the folds that are asked for, one after the other, and tell the figures."""
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--profile", default="real-photos")
    wanted.add_argument("--folds", type=int, default=5, help="into how many parts the photos go")
    wanted.add_argument("--only", type=int, nargs="*", help="which of the folds, from 1")
    wanted.add_argument("--test", type=Path, help="a folder in release form to score after training on all photos")
    wanted.add_argument("--state", type=Path, help="a folder that keeps the servers' data")
    wanted.add_argument("--out", type=Path, help="a file for the figures as JSON")
    chosen = wanted.parse_args()
    profile = load_profile(chosen.profile)
    release = Path(os.path.expandvars(profile.release.folders[0]))
    with tempfile.TemporaryDirectory(prefix="oi-folds-") as name, servers(chosen.state or Path(name)) as settings:
        done: dict[str, Documents] = {}
        if chosen.test:
            done["test"] = [one(profile, settings, Path(name), "all", release, chosen.test)]
        else:
            parts = folds(release, chosen.folds)
            for number in chosen.only or range(1, chosen.folds + 1):
                made = split(release, parts[number - 1], Path(name) / f"fold-{number}")
                done.setdefault("folds", []).append(one(profile, settings, Path(name), f"fold {number}", *made))
    if chosen.out:
        chosen.out.write_text(json.dumps(done, indent=1))


@contextmanager
def servers(state: Path) -> Iterator[Settings]:
    """MinIO and MLflow on free ports."""
    try:
        services.start(state, ("minio", "mlflow"), Addresses.free())
        yield Settings(_env_file=state / "env", cache=state / "cache")
    finally:
        services.stop(state)


def image_labels(release: Path) -> dict[str, str]:
    """The one class of each photo, by ImageID."""
    with (release / f"train-{ANNOTATION[1]}.csv").open() as file:
        return {row["ImageID"]: row["LabelName"] for row in csv.DictReader(file) if float(row["Confidence"]) >= 1}


def folds(release: Path, count: int) -> list[set[str]]:
    """The photos in parts that hold each class in equal shares."""
    from sklearn.model_selection import StratifiedKFold

    labels = dict(sorted(image_labels(release).items()))
    ids = list(labels)
    parts = StratifiedKFold(count, shuffle=True, random_state=0).split(ids, list(labels.values()))
    return [{ids[place] for place in held} for _, held in parts]


def split(release: Path, held: Collection[str], folder: Path) -> tuple[Path, Path]:
    """Two releases, to train on and to score."""
    everything = set(image_labels(release))
    return (
        part_of(release, everything - set(held), folder / "training"),
        part_of(release, held, folder / "held-out"),
    )


def part_of(release: Path, ids: Collection[str], folder: Path) -> Path:
    """A release of some of the photos."""
    (folder / "train").mkdir(parents=True)
    for image_id in ids:
        shutil.copyfile(release / "train" / f"{image_id}.jpg", folder / "train" / f"{image_id}.jpg")
    for name in ("class-descriptions-boxable.csv", "bbox_labels_600_hierarchy.json"):
        shutil.copyfile(release / name, folder / name)
    for name in ANNOTATION:
        first, *rows = (release / f"train-{name}.csv").read_text().splitlines()
        kept = [row for row in rows if row.split(",", 1)[0] in ids]
        (folder / f"train-{name}.csv").write_text("\n".join([first, *kept]) + "\n")
    return folder


def train(profile: Profile, settings: Settings, training: Path) -> dict[str, Any]:
    """The jobs from fetch to the classifier, on all photos of a folder. Returns what the last one said."""
    fields = {"release": {"kind": "folder", "folders": [str(training)]}, "splits": {"tune": TUNE, "test": 0.0}}
    alone = Profile.model_validate(profile.model_dump(mode="json") | fields)

    def run(job: str, **inputs: Any) -> str:
        said.update({job: execute(job_class(job).from_profile(alone, **inputs), settings)})
        return str(said[job]["id"])

    said: dict[str, dict[str, Any]] = {}
    fetched = run("fetch")
    tables = run("tables", release=fetched)
    photos = run("photos", release=fetched, tables=tables)
    validated = run("validate", snapshot=run("snapshot", release=fetched, tables=tables, photos=photos))
    dataset = run("shards", validated=validated, classes=run("collapse", validated=validated))
    run("train_classifier", dataset=dataset)
    return said["train_classifier"]


def one(profile: Profile, settings: Settings, scratch: Path, name: str, training: Path, held: Path) -> dict[str, Any]:
    """Train on one folder and score another: our classifier, and the linear one."""
    began = time.monotonic()
    said = train(profile, settings, training)
    seconds = time.monotonic() - began
    print(f"{name}: trained in {seconds:.0f} s: {said['result']}", file=sys.stderr, flush=True)
    return {"name": name, "seconds": seconds, "trained": said}


if __name__ == "__main__":
    main()
