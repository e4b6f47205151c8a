"""The cascade on photos in memory: against the bare forward passes that it makes, and against running every cluster.

The models are untrained; their thresholds are set so that the classifier names a class in one of ten photos, and a
tenth of the cells are in a mask: what inference costs does not depend on what was learnt.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from bench.measure import Figure, ratio
from oi_tasks.core.aspect import BINS, canvas
from oi_tasks.drawn.release import draw_release
from oi_tasks.models.cascade import Cascade, Pinned
from oi_tasks.models.classifier import Classifier
from oi_tasks.models.saved import ModelMeta
from oi_tasks.models.semseg import Semseg

BACKBONE, SIDE, PHOTOS = "resnet18", 256, 48
CLUSTERS, CLASSES = 3, 4  # and classes in each
NAMED, MASKED = 0.1, 0.1  # shares of photos and of cells that pass a class's threshold


def figures() -> Iterator[Figure]:
    """Seconds of the cascade by those of its bare forward passes; and those of every cluster by those of the routed."""
    torch.manual_seed(0)
    cascade, images = _with_thresholds(_untrained())
    found = cascade.predict_images(images)
    ran = sum(len(photo.ran) for photo in found)
    passes = _passes(cascade, images, [photo.ran for photo in found])

    def bare() -> None:
        with torch.inference_mode():
            for model, photos in passes:
                model(photos)

    everywhere = dict.fromkeys(range(len(images)), cascade.clusters)
    shape = f"{BACKBONE}, {SIDE} px, {ran} runs of a cluster for {len(images)} photos"
    costs = ratio(lambda: cascade.predict_images(images), bare)
    yield Figure("cascade_inference", costs, 1.15, False, "x", f"the bare forward passes: {shape}")
    saved = ratio(lambda: cascade.predict_images(images, everywhere), lambda: cascade.predict_images(images))
    yield Figure("cascade_routed", saved, 1.0, True, "x", f"every cluster on every photo ({CLUSTERS} each) by routed")


def _meta(kind: Literal["classifier", "semseg"], classes: list[str], thresholds: list[float], slug: str) -> ModelMeta:
    return ModelMeta(
        kind=kind,
        backbone=BACKBONE,
        classes=tuple(classes),
        names=tuple(classes),
        thresholds=tuple(thresholds),
        canvases={name: canvas(name, SIDE) for name in BINS},
        cluster=slug,
        loss="bce",
        activation="sigmoid",
        dataset="0" * 20,
    )


def _untrained() -> Cascade:
    labels = [[f"/m/{cluster}{number}" for number in range(CLASSES)] for cluster in range(CLUSTERS)]
    together = [label for own in labels for label in own]
    layout: Any = {"memory_format": torch.channels_last}
    classifier = Classifier(BACKBONE, len(together), side=SIDE).to(**layout).eval()
    semseg: dict[str, Any] = {}
    for cluster, own in enumerate(labels):
        meta = _meta("semseg", own, [0.5] * CLASSES, f"c{cluster}")
        semseg[meta.cluster] = Semseg(BACKBONE, CLASSES).to(**layout).eval(), meta
    meta = _meta("classifier", together, [0.0] * len(together), "")
    return Cascade((classifier, meta), semseg, Pinned(parts={}, dataset="0" * 20, classes_key=""))


def _with_thresholds(cascade: Cascade) -> tuple[Cascade, list[Any]]:
    """The cascade with thresholds that the wanted shares pass, and the photos on their canvas."""
    with tempfile.TemporaryDirectory() as name:
        draw_release(Path(name) / "release", photos=PHOTOS, defects=False)
        files = sorted((Path(name) / "release" / "train").glob("*.jpg"))
        images = [cascade.squashed(file.read_bytes()) for file in files]
    everywhere = dict.fromkeys(range(len(images)), cascade.clusters)
    found = cascade.predict_images(images, everywhere)
    said = np.quantile([photo.probabilities for photo in found], 1 - NAMED, axis=0)
    semseg = {}
    for slug, (model, meta) in cascade.semseg.items():
        cells = np.concatenate([photo.masks[slug].reshape(CLASSES, -1) for photo in found], axis=1)
        semseg[slug] = model, meta.model_copy(update={"thresholds": tuple(np.quantile(cells, 1 - MASKED, axis=1))})
    meta = cascade.meta.model_copy(update={"thresholds": tuple(said)})
    return Cascade((cascade.classifier, meta), semseg, cascade.pinned), images


def _passes(cascade: Cascade, images: list[Any], ran: list[tuple[str, ...]]) -> list[tuple[Any, torch.Tensor]]:
    """Each model with the batches that the cascade gives it."""
    shapes: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, image in enumerate(images):
        shapes[image.shape].append(place)
    passes = []
    for places in shapes.values():
        for start in range(0, len(places), 32):
            rows = places[start : start + 32]
            photos = torch.from_numpy(np.stack([images[row] for row in rows])).permute(0, 3, 1, 2)
            batch = photos.to(memory_format=torch.channels_last).float() / 255
            passes.append((cascade.classifier, batch))
            for slug, (model, _) in cascade.semseg.items():
                own = [number for number, row in enumerate(rows) if slug in ran[row]]
                if own:
                    passes.append((model, batch[own]))
    return passes
