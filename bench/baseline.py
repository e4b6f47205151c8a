"""The cascade against a single-stage detector on real photos: `python -m bench.baseline --labels Fish Airplane`.

The photos that show one of the labels go through the jobs as a release of their own, from fetch to the comparison on
the test photos. `--state FOLDER` keeps the servers' data, so that a run that was stopped goes on and steps that are
done are reused.
"""

import argparse
import csv
import json
import os
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from bench.chain import Chain
from bench.release_folds import ANNOTATION, cut
from bench.servers import servers
from oi_tasks.errors import BadInput
from oi_tasks.profile import Profile, load_profile
from oi_tasks.settings import Settings


def main() -> None:
    """Train both on the photos that are asked for, and tell the figures."""
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--profile", default="real-photos")
    wanted.add_argument("--release", type=Path, help="a folder in release form; without it the profile's first")
    wanted.add_argument("--labels", nargs="*", default=[], help="names of labels; photos of others are left out")
    wanted.add_argument("--state", type=Path, help="a folder that keeps the servers' data")
    chosen = wanted.parse_args()
    profile = load_profile(chosen.profile)
    release = chosen.release or Path(os.path.expandvars(profile.release.folders[0]))
    with tempfile.TemporaryDirectory(prefix="oi-baseline-") as name, servers(chosen.state or Path(name)) as settings:
        folder = (chosen.state or Path(name)) / "release" if chosen.labels else release
        if not folder.is_dir():
            cut(release, folder, {"train": photos_of(release, chosen.labels)})
        print(json.dumps(compare(profile, settings, folder), indent=1))


def photos_of(release: Path, names: Collection[str]) -> set[str]:
    """The photos that show any of some labels, by a box or by a verified label. Raises BadInput for a name of none."""
    with (release / "class-descriptions-boxable.csv").open() as file:
        mids = {name: mid for mid, name in csv.reader(file)}
    unknown = sorted(set(names) - set(mids))
    if unknown:
        raise BadInput(f"the release has no label {', '.join(unknown)}", where=str(release))
    labels, found = {mids[name] for name in names}, set()
    for kind in ANNOTATION[:2]:
        with (release / f"train-{kind}.csv").open() as file:
            found |= {row["ImageID"] for row in csv.DictReader(file) if row["LabelName"] in labels}
    return found


def compare(profile: Profile, settings: Settings, release: Path) -> dict[str, Any]:
    """The jobs from fetch to the comparison. Returns what the last one said."""
    chain = Chain(profile, settings, release)
    evaluation = chain.to_evaluation()
    trained = {"dataset": chain.id_of("shards"), "classifier": chain.id_of("train_classifier")}
    chain.run("compare_detector", evaluation=evaluation, detector=chain.run("train_detector", **trained))
    return chain.said["compare_detector"]


if __name__ == "__main__":
    main()
