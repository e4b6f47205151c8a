"""What worked and what did not, on real photos: `python -m bench.story [--state FOLDER] [--only VARIANT …]`.

The base of the profile `real-photos-ablation` and each of its variants, three seeds each: the steps of `oi_ablation`
without Airflow. `--state FOLDER` keeps what the servers hold, so that a run that was stopped goes on.
"""

import argparse
import os
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from bench.chain import Chain
from bench.servers import servers
from oi_tasks.core.ablation import Effect, mean_interval
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import Store
from oi_tasks.profile import Profile, load_profile
from oi_tasks.profile.ablation import BASE, trainings
from oi_tasks.settings import Settings
from oi_tasks.variants import SHOWN, fields_of_class_maps, fields_of_datasets, fields_of_trainings

PROFILE = "real-photos-ablation"
NUMBERS = ("macro_f1", "top1_accuracy")


def main() -> None:
    """Train what was not trained before, and print the table."""
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--state", type=Path, help="a folder that keeps the servers' data")
    wanted.add_argument("--only", nargs="*", metavar="VARIANT", help="these of the profile's variants")
    chosen = wanted.parse_args()
    profile = load_profile(PROFILE)
    if chosen.only:
        variants = {name: profile.ablation.variants[name] for name in chosen.only}
        profile = profile.model_copy(update={"ablation": profile.ablation.model_copy(update={"variants": variants})})
    with tempfile.TemporaryDirectory(prefix="oi-story-") as name, servers(chosen.state or Path(name)) as settings:
        base, effects = compared(profile, settings)
    for number in NUMBERS:
        print(f"\n| {number} | mean | difference to the base, 95 % interval | |\n|---|---|---|---|")
        mean, low, high = mean_interval([metrics[number] for metrics in base])
        print(f"| base | {mean:.3f} | ({low:.3f} to {high:.3f}) | |")
        for effect in sorted(effects, key=lambda effect: -effect.difference):
            if effect.number == number:
                told = f"{effect.difference:+.3f} ({effect.low:+.3f} to {effect.high:+.3f})"
                print(f"| {effect.variant} | {effect.mean:.3f} | {told} | {effect.said} |")


def compared(profile: Profile, settings: Settings) -> tuple[list[dict[str, float]], list[Effect]]:
    """The base's numbers by seed, and the effect of each variant on each number."""
    chain = Chain(profile, settings, Path(os.path.expandvars(profile.release.folders[0])))
    validated, plain = chain.to_validated(), profile.model_dump(mode="json")

    def made(job: str, steps: list[dict[str, Any]], **inputs: str) -> list[str]:
        return [chain.run(job, **inputs, **{name: step[name] for name in step if name != SHOWN}) for step in steps]

    maps = made("collapse", fields_of_class_maps(plain, validated), validated=validated)
    data = made("shards", fields_of_datasets(plain, validated, maps), validated=validated)
    models, numbers = [], defaultdict(list)
    for (variant, seed, _), step in zip(trainings(profile), fields_of_trainings(plain, data), strict=True):
        models += made("train_classifier", [step])
        numbers[variant].append(dict(chain.said["train_classifier"]["result"]["metrics"]))
        print(f"{variant}, seed {seed}: {numbers[variant][-1]}", flush=True)
    done = chain.run("compare_variants", models=models)
    effects = Outputs(Store(settings), settings.cache).get("compare_variants", done).read_json("effects.json")
    return numbers[BASE], [Effect(**effect) for effect in effects]


if __name__ == "__main__":
    main()
