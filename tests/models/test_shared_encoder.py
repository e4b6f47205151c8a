"""Clusters on the classifier's own encoder: one pass through it serves them all, and nothing else changes."""

from typing import Any, Literal

import numpy as np
import pytest
import torch

from oi_tasks.models.cascade import Cascade, Pinned
from oi_tasks.models.classifier import Classifier
from oi_tasks.models.saved import ModelMeta
from oi_tasks.models.semseg import Semseg

BACKBONE = "test_resnet"
CLASSES = ("/m/a", "/m/b", "/m/c")
CANVASES = {"1x1": (64, 64), "2x1": (64, 32), "1x2": (32, 64)}


def meta(kind: Literal["classifier", "semseg"], classes: tuple[str, ...], slug: str = "") -> ModelMeta:
    return ModelMeta(
        kind=kind,
        backbone=BACKBONE,
        classes=classes,
        names=classes,
        thresholds=(0.4,) * len(classes),
        canvases=CANVASES,
        loss="bce",
        activation="sigmoid",
        cluster=slug,
        stride=8 if kind == "semseg" else 1,
        dataset="0" * 20,
    )


def cascade(mirror: bool, own_weights: bool) -> Cascade:
    """Cluster `one` on the classifier's encoder, cluster `two` on it or on weights of its own."""
    torch.manual_seed(1)
    classifier, one, two = Classifier(BACKBONE, 3, mirror=mirror), Semseg(BACKBONE, 2), Semseg(BACKBONE, 1)
    for model in (one,) if own_weights else (one, two):
        own = classifier.encoder.state_dict()
        model.encoder.load_state_dict({name: own[name] for name in model.encoder.state_dict()})
    semseg = {
        "one": (one.eval(), meta("semseg", CLASSES[:2], "one")),
        "two": (two.eval(), meta("semseg", CLASSES[2:], "two")),
    }
    pinned = Pinned(parts={}, dataset="0" * 20, classes_key="")
    return Cascade((classifier.eval(), meta("classifier", CLASSES)), semseg, pinned)


def passes(model: torch.nn.Module, work: Any) -> int:
    """How often photos go through a module's first layer while something is done."""
    seen: list[int] = []
    hook = model.register_forward_hook(lambda *_: seen.append(1))
    work()
    hook.remove()
    return len(seen)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("own_weights", [False, True])
def test_shared_and_unshared_say_the_same(mirror: bool, own_weights: bool) -> None:
    shared, apart = cascade(mirror, own_weights), cascade(mirror, own_weights)
    assert shared.sharing == ({"one"} if own_weights else {"one", "two"})
    apart.sharing = set()
    random = np.random.default_rng(0)
    images = [random.integers(0, 255, (height, width, 3), np.uint8) for height, width in ((64, 64), (32, 64))]
    route = {0: ("one",), 1: ("one", "two")}
    for ours, theirs in zip(shared.predict_images(images, route), apart.predict_images(images, route), strict=True):
        np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=1e-6)
        assert ours.ran == theirs.ran
        assert set(ours.ran) >= {"one"}
        for slug in ours.ran:
            np.testing.assert_allclose(ours.masks[slug], theirs.masks[slug], atol=1e-6)


def test_a_photo_goes_through_the_encoder_once() -> None:
    found, image = cascade(False, False), np.zeros((64, 64, 3), np.uint8)
    stem = found.classifier.encoder.backbone.conv1
    own = [found.semseg[slug][0].encoder.backbone.conv1 for slug in ("one", "two")]

    def predict() -> None:
        found.predict_images([image], {0: ("one", "two")})

    assert [passes(layer, predict) for layer in (stem, *own)] == [1, 0, 0]
    found.sharing = set()
    assert [passes(layer, predict) for layer in (stem, *own)] == [1, 1, 1]
