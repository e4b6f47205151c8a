"""An epoch of the classifier, decoding and augmenting included, against bare loops; and what kept features gain."""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch.optim import SGD, AdamW
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.models import resnet18
from torchvision.transforms import v2

from bench.measure import Figure, ratio
from bench.servers import servers
from bench.shard_photos import CLASSES, dataset_of, drawn_jpegs
from oi_tasks.io.outputs import Output
from oi_tasks.io.shards import ShardReader
from oi_tasks.models.classifier import Classifier
from oi_tasks.training.classifier import ClassifierLearner
from oi_tasks.training.device import cores, prepare
from oi_tasks.training.schedules import Stage, optimiser_of

BACKBONES = ("test_resnet", "resnet18")  # where decoding weighs most, and where the network does
SIDE, BATCH, PHOTOS = 128, 16, 256
WHOLE, FROZEN = Stage("unfrozen", 1, {"head": 1e-3, "encoder": 1e-3}), Stage("frozen", 1, {"head": 1e-3})


def figures() -> Iterator[Figure]:
    """The share of the bare loop's rate that an epoch reaches; torchvision's recipe; the frozen stage."""
    with tempfile.TemporaryDirectory() as name, servers(Path(name) / "state", ("minio",)) as settings:
        folder = Path(name)
        photos = drawn_jpegs(folder / "drawn", PHOTOS, SIDE)
        dataset = dataset_of(settings, folder / "dataset", photos, 8, PHOTOS // 8, SIDE)
        for backbone in BACKBONES:
            peer = f"{backbone}: the same epoch on tensors in memory, no decoding, no augmentation"
            yield Figure(f"training_{backbone}", 1 / _in_memory(dataset, backbone), 0.9, True, "x", peer)
        peer = "an epoch of torchvision's reference recipe on the same photos at 256 px in a folder, resnet18"
        yield Figure("training_torchvision", 1 / _torchvision(dataset, folder), 1.0, True, "x", peer)
        peer = "an epoch of the frozen stage that runs the encoder on every photo, resnet18"
        yield Figure("training_kept_features", 1 / _kept_features(dataset), 5.0, True, "x", peer)


def _learner(dataset: Output, backbone: str, stage: Stage) -> tuple[ClassifierLearner, AdamW]:
    device = prepare(0)
    train, tune = ShardReader(dataset, "train"), ShardReader(dataset, "tune")
    learner = ClassifierLearner(Classifier(backbone, CLASSES, side=SIDE), train, tune, BATCH, device, "bce")
    learner.enter(stage, lambda photos: None)
    return learner, optimiser_of(learner.model, stage)


def _epoch(learner: ClassifierLearner, optimiser: Any) -> None:
    learner.mode(learning=True)
    for batch in learner.learning_batches(learner.plan([0]), [0]):
        loss = learner.loss(learner.logits(batch), batch)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()


def _in_memory(dataset: Output, backbone: str) -> float:
    """Our seconds for an epoch divided by the bare loop's."""
    learner, optimiser = _learner(dataset, backbone, WHOLE)
    held = [(batch.photos, batch.targets) for batch in learner.learning_batches(learner.plan([0]), [0])]
    model = Classifier(backbone, CLASSES, side=SIDE).to(learner.device, memory_format=torch.channels_last)
    bare_optimiser = AdamW(model.parameters(), fused=True)

    def bare() -> None:
        model.train()
        for photos, targets in held:
            loss = binary_cross_entropy_with_logits(model(photos), targets)
            bare_optimiser.zero_grad(set_to_none=True)
            loss.backward()
            bare_optimiser.step()

    _epoch(learner, optimiser)
    bare()
    return ratio(lambda: _epoch(learner, optimiser), bare)


def _torchvision(dataset: Output, folder: Path) -> float:
    """Our seconds for an epoch divided by those of the recipe in torchvision's references/classification."""
    reader = ShardReader(dataset, "train")
    for row in range(len(reader)):
        place = folder / "photos" / str(row % CLASSES)
        place.mkdir(parents=True, exist_ok=True)
        photo = Image.open(io.BytesIO(reader.jpeg(row))).resize((2 * SIDE, 2 * SIDE), Image.Resampling.BICUBIC)
        photo.save(place / f"{row}.jpg", quality=90)
    change = v2.Compose(
        [
            v2.RandomResizedCrop(SIDE, antialias=True),
            v2.RandomHorizontalFlip(),
            v2.PILToTensor(),
            v2.ToDtype(torch.float, scale=True),
            v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    photos = ImageFolder(str(folder / "photos"), change)
    loader = DataLoader(photos, BATCH, shuffle=True, num_workers=cores(), persistent_workers=True)
    model = resnet18(num_classes=CLASSES)
    sgd = SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    learner, optimiser = _learner(dataset, "resnet18", WHOLE)

    def reference() -> None:
        model.train()
        for shown, targets in loader:
            loss = cross_entropy(model(shown), targets)
            sgd.zero_grad()
            loss.backward()
            sgd.step()

    _epoch(learner, optimiser)
    reference()
    return ratio(lambda: _epoch(learner, optimiser), reference)


def _kept_features(dataset: Output) -> float:
    """Seconds of an epoch on kept features divided by those of one that computes them."""
    learner, optimiser = _learner(dataset, "resnet18", FROZEN)
    computed, other = _learner(dataset, "resnet18", FROZEN)
    computed.forget_features()
    _epoch(learner, optimiser)
    return ratio(lambda: _epoch(learner, optimiser), lambda: _epoch(computed, other))
