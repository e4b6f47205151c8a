"""What worked and what did not, on real photos: `python -m bench.story [--state FOLDER]`.

The base of the profile `real-photos-ablation` and each of its variants, three seeds each, as `oi_ablation` trains them
in Airflow; and the base once more on canvases of one square shape in place of three. `--state FOLDER` keeps what the
servers hold, so that a run that was stopped goes on.
"""

import argparse
import os
import tempfile
from pathlib import Path

from bench.chain import Chain
from bench.release_folds import servers
from oi_tasks.core.ablation import Scores, effects, mean_interval
from oi_tasks.profile import load_profile
from oi_tasks.profile.ablation import BASE, recipes
from oi_tasks.settings import Settings

PROFILE = "real-photos-ablation"
NUMBERS = ("macro_f1", "top1_accuracy")
SQUARE = "one square shape"


def main() -> None:
    """Train what was not trained before, and print the table."""
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--state", type=Path, help="a folder that keeps the servers' data")
    chosen = wanted.parse_args()
    with tempfile.TemporaryDirectory(prefix="oi-story-") as name, servers(chosen.state or Path(name)) as settings:
        scores = trained(settings, {})
        scores[SQUARE] = trained(settings, {"photos": {"aspects": ["1x1"]}, "ablation": {"variants": {}}})[BASE]
    base = scores.pop(BASE)
    for number in NUMBERS:
        print(f"\n| {number} | mean | difference to the base, 95 % interval | |\n|---|---|---|---|")
        mean, low, high = mean_interval([numbers[number] for numbers in base.values()])
        print(f"| base | {mean:.3f} | ({low:.3f} to {high:.3f}) | |")
        for effect in sorted(effects(base, scores), key=lambda effect: -effect.difference):
            if effect.number == number:
                told = f"{effect.difference:+.3f} ({effect.low:+.3f} to {effect.high:+.3f})"
                print(f"| {effect.variant} | {effect.mean:.3f} | {told} | {effect.said} |")


def trained(settings: Settings, changes: dict[str, dict[str, object]]) -> dict[str, Scores]:
    """The numbers of each variant, by seed, of a profile with some of its fields changed."""
    profile = load_profile(PROFILE)
    fields = {name: getattr(profile, name).model_dump(mode="json") | changed for name, changed in changes.items()}
    chain = Chain(profile, settings, Path(os.path.expandvars(profile.release.folders[0])), **fields)
    dataset = chain.to_dataset()
    found: dict[str, dict[int, dict[str, float]]] = {}
    for variant, seed, recipe in recipes(chain.profile.classifier, chain.profile.ablation):
        chain.run("train_classifier", dataset=dataset, recipe=recipe)
        found.setdefault(variant, {})[seed] = dict(chain.said["train_classifier"]["result"]["metrics"])
        print(f"{variant}, seed {seed}: {found[variant][seed]}", flush=True)
    return dict(found)


if __name__ == "__main__":
    main()
