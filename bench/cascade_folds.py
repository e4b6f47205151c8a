"""Masks and boxes on photos that the cascade has not seen: `python -m bench.cascade_folds --profile real-scenes`.

Each fold is a release of its own, its last fifth as the release's test split. It goes through the jobs from
fetch to evaluate, as any release does; what that says of the test photos is gathered over the folds. `--state FOLDER`
keeps the servers' data, so that a run that was stopped goes on and folds that are done are reused.
"""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from bench.chain import Chain
from bench.release_folds import TUNE, cut, even_parts, fold_options
from bench.servers import servers
from oi_tasks.core.cost import Used
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import Store
from oi_tasks.profile import Profile, load_profile
from oi_tasks.settings import Settings

CLASS_NUMBERS = ("iou", "box_recall_large", "box_recall", "box_average_precision")
TEST = "test"  # the release's name of the split that is scored


def main() -> None:
    """Run the folds that are asked for, one after the other, and tell the figures."""
    wanted = fold_options(__doc__)
    wanted.add_argument("--detector", type=int, metavar="EPOCHS", help="train the single-stage detector as well")
    chosen = wanted.parse_args()
    profile = load_profile(chosen.profile)
    release = Path(os.path.expandvars(profile.release.folders[0]))
    parts = even_parts(release, chosen.folds)
    done: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="oi-folds-") as name, servers(chosen.state or Path(name)) as settings:
        for number in chosen.only or range(1, chosen.folds + 1):
            began = time.monotonic()
            held, others = parts[number - 1], set().union(*parts[: number - 1], *parts[number:])
            folder = cut(release, Path(name) / f"fold-{number}", {"train": others, TEST: held})
            done.append(scored(profile, settings, folder, chosen.detector))
            print(f"fold {number}: {time.monotonic() - began:.0f} s, {told(done[-1:])}", flush=True)
    print(f"mean of {len(done)} folds, with its 95 % interval by Student's t: {told(done)}")
    if chosen.out:
        chosen.out.write_text(json.dumps(done, indent=1))


def scored(profile: Profile, settings: Settings, folder: Path, detector: int | None) -> dict[str, Any]:
    """The jobs from fetch to evaluate: numbers of the whole by part, and of each class with masks.

    With a detector of so many epochs on the classifier's encoder also its numbers, and the seconds of cores that it and
    the masks' models took to train: unlike those of a clock they are the same on a busy machine.
    """
    fields: dict[str, Any] = {"release": {"splits": ["train", TEST]}, "splits": {"tune": TUNE, "test": 0.0}}
    if detector is not None:
        fields["detector"] = profile.detector.model_dump(mode="json") | {"epochs": {"frozen": detector, "unfrozen": 0}}
    chain = Chain(profile, settings, folder, **fields)
    evaluation = chain.to_evaluation()
    outputs = Outputs(Store(settings), settings.cache)
    evaluated = outputs.get("evaluate", evaluation)
    scores = evaluated.read_json("scores.json")
    found = {
        f"{part}/{name}": number["value"]
        for part, named in scores["numbers"].items()
        for name, number in named.items()
        if part != "classifier" or name in ("top1_accuracy", "macro_f1")
    }
    masked = [row for row in scores["classes"] if row["iou"] is not None]
    if detector is not None:
        own = {"dataset": chain.id_of("shards"), "classifier": chain.id_of("train_classifier")}
        chain.run("compare_detector", evaluation=evaluation, detector=chain.run("train_detector", **own))
        numbers = chain.said["compare_detector"]["result"]["numbers"]["detector"]
        found |= {f"detector/{name}": value for name, value in numbers.items()}
        masks, boxes = evaluated.manifest.fields["semseg"], [chain.id_of("train_detector")]
        for job, ids in (("train_semseg", masks), ("train_detector", boxes)):
            used = [Used.of(outputs.get(job, one).manifest.produced["used"]) for one in ids]
            found[f"core-seconds of {job}"] = sum(one.cpu_seconds for one in used)
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
