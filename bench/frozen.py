"""What an encoder and its canvases are worth: `python -m bench.frozen [--side 288] [--aspects 3x2 …]`.

Photos are squashed to the canvases that the profile, or the choice, names; the frozen encoder's last maps are averaged;
scikit-learn's logistic regression (C = 0.1) learns on four fifths of them and is scored on the last, five times: the
folds of `bench.folds`. No training of ours has a part in it, so that encoders and canvases can be compared in minutes.
"""

import argparse
import os
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from bench.folds import BASELINE, BATCH, NUMBERS, frozen_encoder
from bench.release_folds import even_parts, image_labels
from bench.servers import servers
from oi_tasks.core.aspect import Alike, aspect_bin, canvas
from oi_tasks.profile import load_profile

C = 0.1  # as in the thing to beat


def main() -> None:
    """Compute the features once, then learn and score five times."""
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("--profile", default="real-photos", help="whose encoder and canvases")
    profile = load_profile(named.parse_known_args()[0].profile)
    wanted = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, parents=[named]
    )
    wanted.add_argument("--baseline", action="store_true", help=f"with {BASELINE} in place of the profile's encoder")
    wanted.add_argument("--side", type=int, default=round(profile.photos.long_side * profile.photos.resolution))
    wanted.add_argument("--aspects", nargs="+", default=profile.photos.aspects)
    wanted.add_argument("--alike", choices=get_args(Alike), default=profile.photos.alike)
    chosen = wanted.parse_args()
    release = Path(os.path.expandvars(profile.release.folders[0]))
    labels = dict(sorted(image_labels(release).items()))
    recipe = profile.classifier
    which = () if chosen.baseline else (recipe.backbone, recipe.weights)
    with tempfile.TemporaryDirectory() as scratch, servers(Path(scratch) / "state", ("minio",)) as settings:
        encoder = frozen_encoder(settings, Path(scratch), *which)
    found = features(encoder, release / "train", list(labels), chosen)
    scores = [score(found, labels, held) for held in even_parts(release, 5)]
    for name, title in NUMBERS.items():
        values = [one[name] for one in scores]
        print(f"{title} {np.mean(values):.4f}, by fold {', '.join(f'{value:.4f}' for value in values)}")


def features(encoder: Any, folder: Path, ids: list[str], chosen: argparse.Namespace) -> dict[str, NDArray[np.float32]]:
    """(F,) averages of the last maps of each photo, by ImageID."""
    import torch
    from PIL import Image

    shapes: dict[tuple[int, int], list[str]] = defaultdict(list)
    for image_id in ids:
        with Image.open(folder / f"{image_id}.jpg") as photo:
            shapes[canvas(aspect_bin(*photo.size, chosen.aspects), chosen.side, chosen.alike)].append(image_id)
    found = {}
    for size, own in shapes.items():
        for start in range(0, len(own), BATCH):
            names = own[start : start + BATCH]
            photos = [Image.open(folder / f"{name}.jpg").convert("RGB") for name in names]
            squashed = np.stack([np.asarray(photo.resize(size, Image.Resampling.BICUBIC)) for photo in photos])
            batch = torch.from_numpy(squashed).permute(0, 3, 1, 2).float().div(255)
            with torch.inference_mode():
                means = encoder(batch.contiguous(memory_format=torch.channels_last)).mean((2, 3)).numpy()
            found.update(zip(names, means, strict=True))
    return found


def score(found: dict[str, Any], labels: dict[str, str], held: set[str]) -> dict[str, float]:
    """Learn on all photos but the held ones, score on those."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, f1_score

    learnt, scored = [name for name in labels if name not in held], sorted(held)
    regression = LogisticRegression(C=C, max_iter=3000)
    regression.fit(np.stack([found[name] for name in learnt]), [labels[name] for name in learnt])
    said = regression.predict(np.stack([found[name] for name in scored]))
    right = [labels[name] for name in scored]
    return {"top1_accuracy": accuracy_score(right, said), "macro_f1": f1_score(right, said, average="macro")}


if __name__ == "__main__":
    main()
