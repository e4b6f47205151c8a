"""An epoch of the classifier: decoding, augmenting and logging included, against a bare loop on tensors in memory."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import AdamW

from bench.measure import Figure, ratio
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.shards import ShardReader
from oi_tasks.io.store import Store
from oi_tasks.jobs import job_class
from oi_tasks.jobs.base import execute
from oi_tasks.local import services
from oi_tasks.local.addresses import Addresses
from oi_tasks.models.classifier import Classifier
from oi_tasks.profile import load_profile
from oi_tasks.settings import Settings
from oi_tasks.training.classifier import ClassifierLearner
from oi_tasks.training.device import prepare
from oi_tasks.training.schedules import Stage, optimiser_of

BACKBONES = ("test_resnet", "resnet18")  # where decoding weighs most, and where the network does


def figures() -> Iterator[Figure]:
    """The share of the bare loop's rate that an epoch reaches, for a small and a usual backbone."""
    with tempfile.TemporaryDirectory() as name:
        state = Path(name) / "state"
        try:
            services.start(state, ("minio",), Addresses.free())
            settings = Settings(_env_file=state / "env", cache=Path(name) / "cache")
            dataset = Outputs(Store(settings), settings.cache).get("shards", _shards(settings))
            for backbone in BACKBONES:
                peer = f"{backbone}: the same epoch on tensors in memory, no decoding, no augmentation"
                yield Figure(f"training_{backbone}", 1 / _epochs(dataset, backbone), 0.85, True, "x", peer)
        finally:
            services.stop(state)


def _shards(settings: Settings) -> str:
    """The demo's dataset; returns its id."""
    profile, made = load_profile("demo"), {}

    def run(job: str, **inputs: Any) -> str:
        made[job] = execute(job_class(job).from_profile(profile, **inputs), settings)["id"]
        return made[job]

    release = run("fetch")
    tables = run("tables", release=release)
    photos = run("photos", release=release, tables=tables)
    validated = run("validate", snapshot=run("snapshot", release=release, tables=tables, photos=photos))
    return run("shards", validated=validated, classes=run("collapse", validated=validated))


def _epochs(dataset: Any, backbone: str) -> float:
    """Our seconds for an epoch divided by the bare loop's."""
    device = prepare(0)
    train = ShardReader(dataset, "train")
    stage = Stage("unfrozen", 1, {"head": 1e-3, "encoder": 1e-3})
    learner = ClassifierLearner(
        Classifier(backbone, len(train.index.classes)), train, ShardReader(dataset, "tune"), 16, device, "bce"
    )
    learner.enter(stage, lambda photos: None)
    optimiser = optimiser_of(learner.model, stage)
    held = [(batch.photos, batch.targets) for batch in learner.learning_batches(learner.plan([0]), [0])]
    model = Classifier(backbone, len(train.index.classes)).to(device, memory_format=torch.channels_last)
    bare_optimiser = AdamW(model.parameters())

    def ours() -> None:
        learner.mode(learning=True)
        for batch in learner.learning_batches(learner.plan([0]), [0]):
            loss = learner.loss(learner.logits(batch), batch)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()

    def bare() -> None:
        model.train()
        for photos, targets in held:
            loss = binary_cross_entropy_with_logits(model(photos), targets)
            bare_optimiser.zero_grad(set_to_none=True)
            loss.backward()
            bare_optimiser.step()

    ours()
    bare()
    return ratio(ours, bare)
