"""Masks and boxes on photos that the cascade has not seen: `python -m bench.cascade_folds --profile real-scenes`.

Each fold is a release of its own, its last fifth as the release's test split. It goes through the jobs from
fetch to evaluate, as any release does; what that says of the test photos is gathered over the folds. `--state FOLDER`
keeps the servers' data, so that a run that was stopped goes on and folds that are done are reused.
"""

import argparse
import csv
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from bench.chain import Chain
from bench.folds import ANNOTATION, TUNE, image_labels, servers
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import Store
from oi_tasks.profile import Profile, load_profile
from oi_tasks.settings import Settings

CLASS_NUMBERS = ("iou", "box_recall_large", "box_recall", "box_average_precision")
TEST = "test"  # the release's name of the split that is scored


def main() -> None:
    """Run the folds that are asked for, one after the other, and tell the figures."""
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--profile", default="real-photos")
    wanted.add_argument("--folds", type=int, default=5, help="into how many parts the photos go")
    wanted.add_argument("--only", type=int, nargs="*", help="which of the folds, from 1")
    wanted.add_argument("--state", type=Path, help="a folder that keeps the servers' data")
    wanted.add_argument("--out", type=Path, help="a file for the figures as JSON")
    chosen = wanted.parse_args()
    profile = load_profile(chosen.profile)
    release = Path(os.path.expandvars(profile.release.folders[0]))
    parts = even_parts(release, chosen.folds)
    done: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="oi-folds-") as name, servers(chosen.state or Path(name)) as settings:
        for number in chosen.only or range(1, chosen.folds + 1):
            began = time.monotonic()
            folder = with_test_split(release, parts[number - 1], Path(name) / f"fold-{number}")
            done.append(scored(profile, settings, folder))
            print(f"fold {number}: {time.monotonic() - began:.0f} s, {told(done[-1:])}", flush=True)
    print(f"mean of {len(done)} folds, with its 95 % interval by Student's t: {told(done)}")
    if chosen.out:
        chosen.out.write_text(json.dumps(done, indent=1))


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


def with_test_split(release: Path, held: set[str], folder: Path) -> Path:
    """The release with the held photos as its test split."""
    for split in ("train", TEST):
        (folder / split).mkdir(parents=True)
    for photo in (release / "train").glob("*.jpg"):
        shutil.copyfile(photo, folder / (TEST if photo.stem in held else "train") / photo.name)
    for name in ("class-descriptions-boxable.csv", "bbox_labels_600_hierarchy.json"):
        shutil.copyfile(release / name, folder / name)
    for name in ANNOTATION:
        first, *rows = (release / f"train-{name}.csv").read_text().splitlines()
        for split in ("train", TEST):
            kept = [row for row in rows if (row.split(",", 1)[0] in held) == (split == TEST)]
            (folder / f"{split}-{name}.csv").write_text("\n".join([first, *kept]) + "\n")
    return folder


def scored(profile: Profile, settings: Settings, folder: Path) -> dict[str, Any]:
    """The jobs from fetch to evaluate: numbers of the whole by part, and of each class with masks."""
    chain = Chain(profile, settings, folder, release={"splits": ["train", TEST]}, splits={"tune": TUNE, "test": 0.0})
    evaluation = chain.to_evaluation()
    scores = Outputs(Store(settings), settings.cache).get("evaluate", evaluation).read_json("scores.json")
    found = {
        f"{part}/{name}": number["value"]
        for part, named in scores["numbers"].items()
        for name, number in named.items()
        if part != "classifier" or name in ("top1_accuracy", "macro_f1")
    }
    masked = [row for row in scores["classes"] if row["iou"] is not None]
    return found | {f"{row['name']}: {name}": row[name] for row in masked for name in CLASS_NUMBERS}


def told(done: list[dict[str, Any]]) -> str:
    """Each number, the mean over folds, with its interval where there are several."""
    lines = []
    for name in done[0]:
        values = [fold[name] for fold in done if fold.get(name) is not None]
        if not values:
            continue
        text = f"{name} {np.mean(values):.3f}"
        if len(values) > 2:
            half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
            text += f" ({np.mean(values) - half:.3f} to {np.mean(values) + half:.3f})"
        lines.append(text)
    return "\n  " + "\n  ".join(lines)


if __name__ == "__main__":
    main()
