"""What the commands that measure on folds of a release share: their options, and the releases they cut."""

import argparse
import csv
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

TUNE = 0.05  # share of a fold's training photos that set thresholds
ANNOTATION = ("annotations-bbox", "annotations-human-imagelabels-boxable", "images-boxable")


def fold_options(description: str | None) -> argparse.ArgumentParser:
    """The options that choose a profile and its folds."""
    wanted = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--profile", default="real-photos")
    wanted.add_argument("--folds", type=int, default=5, help="into how many parts the photos go")
    wanted.add_argument("--only", type=int, nargs="*", help="which of the folds, from 1")
    wanted.add_argument("--state", type=Path, help="a folder that keeps the servers' data")
    wanted.add_argument("--out", type=Path, help="a file for the figures as JSON")
    return wanted


def image_labels(release: Path, split: str = "train") -> dict[str, str]:
    """The one class of each photo, by ImageID."""
    with (release / f"{split}-{ANNOTATION[1]}.csv").open() as file:
        return {row["ImageID"]: row["LabelName"] for row in csv.DictReader(file) if float(row["Confidence"]) >= 1}


def even_parts(release: Path, count: int) -> list[set[str]]:
    """The photos in parts that hold each label in equal shares: of a photo with several labels its rarest counts."""
    from sklearn.model_selection import StratifiedKFold

    with (release / f"train-{ANNOTATION[0]}.csv").open() as file:
        pairs = {(row["ImageID"], row["LabelName"]) for row in csv.DictReader(file)}
    pairs |= set(image_labels(release).items())
    seen = {label: sum(other == label for _, other in pairs) for label in {label for _, label in pairs}}
    rarest = dict(sorted(pairs, key=lambda pair: (-seen[pair[1]], pair)))
    ids = sorted(rarest)
    parts = StratifiedKFold(count, shuffle=True, random_state=0).split(ids, [rarest[image_id] for image_id in ids])
    return [{ids[place] for place in held} for _, held in parts]


def cut(release: Path, folder: Path, splits: Mapping[str, Collection[str]]) -> Path:
    """Write the train photos of a release as a release of its own, those of each split by their ImageID."""
    folder.mkdir(parents=True)
    for name in ("class-descriptions-boxable.csv", "bbox_labels_600_hierarchy.json"):
        shutil.copyfile(release / name, folder / name)
    for split, ids in splits.items():
        (folder / split).mkdir()
        for image_id in ids:
            shutil.copyfile(release / "train" / f"{image_id}.jpg", folder / split / f"{image_id}.jpg")
        for name in ANNOTATION:
            first, *rows = (release / f"train-{name}.csv").read_text().splitlines()
            kept = [row for row in rows if row.split(",", 1)[0] in ids]
            (folder / f"{split}-{name}.csv").write_text("\n".join([first, *kept]) + "\n")
    return folder
