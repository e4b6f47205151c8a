"""The cascade's boxes against a split's, by the Open Images detection metric; and the rules of boxes chosen by it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from oi_tasks.core.bootstrap import Paired, Resamples, interval
from oi_tasks.core.metrics import Number
from oi_tasks.core.openimages_map import BoxTable, ImageLabels, Judgement, Lineage, judge
from oi_tasks.io.shards import Sample, ShardReader, batches
from oi_tasks.models.box_rules import WAYS, BoxRules, FoundBox
from oi_tasks.models.cascade import Cascade, Pinned

BATCH = 64
NECKS = (None, 0.5, 0.7, 0.9)
CELLS = (1, 3)
DUPLICATES = (1.0, 0.8, 0.6)


@dataclass(frozen=True)
class Truth:
    """The true boxes of a split and what is verified, by row and class; and what each class is a kind of."""

    boxes: BoxTable
    verified: ImageLabels
    lineage: Lineage

    @classmethod
    def of(cls, reader: ShardReader, ancestors: Mapping[str, Sequence[str]]) -> "Truth":
        """Of a split. `ancestors` of classes, by MID; those that are no class themselves do not matter.

        A class counts as verified absent where the dataset takes unverified classes for absent. One that is present
        without a box is somewhere, nobody knows where: it is not judged in that photo.
        """
        present, absent, boxed = reader.known("present"), reader.known("absent"), reader.boxed()
        missing = ~present if reader.index.unverified == "negative" else absent
        rows, classes = np.nonzero(missing & ~boxed)
        found = [(row, box) for row in range(len(reader)) for box in reader.boxes(row)]
        boxes = BoxTable.true(
            np.array([row for row, _ in found], dtype=np.int64),
            np.array([box["class"] for _, box in found], dtype=np.int64),
            np.array([box["box"] for _, box in found], dtype=float).reshape(-1, 4),
            np.array([box["group"] == 1 for _, box in found], dtype=bool),
        )
        labels = [entry.label for entry in reader.index.classes]
        verified = ImageLabels(rows, classes, np.zeros(len(rows), dtype=bool))
        return cls(boxes, verified, Lineage.of_ancestors(labels, ancestors))

    def judge(self, found: Sequence[Iterable[FoundBox]]) -> Judgement:
        """Boxes found in each row of the split. A box of a class is one of each class that it is a kind of, too."""
        index = {label: place for place, label in enumerate(self.lineage.labels)}
        rows = [(row, index[box.label], box.box, box.score) for row, boxes in enumerate(found) for box in boxes]
        predictions = BoxTable.predicted(
            np.array([row for row, _, _, _ in rows], dtype=np.int64),
            np.array([label for _, label, _, _ in rows], dtype=np.int64),
            np.array([box for _, _, box, _ in rows], dtype=float).reshape(-1, 4),
            np.array([score for _, _, _, score in rows], dtype=float),
        )
        return judge(self.boxes, self.verified, predictions, self.lineage, expand_predictions=True)


def map_with_interval(judged: Judgement, drawn: Resamples) -> Number:
    """The mean average precision, and its 95 % interval over photos."""
    low, high = interval(_means(judged, drawn))
    return Number(float(judged.mean()), float(low), float(high))


def paired_map(ours: Judgement, theirs: Judgement, drawn: Resamples) -> Paired:
    """The mean average precision of two cascades on the same photos, resampled together."""
    low, high = interval(_means(ours, drawn) - _means(theirs, drawn))
    one, other = float(ours.mean()), float(theirs.mean())
    return Paired(one, other, one - other, float(low), float(high))


def _means(judged: Judgement, drawn: Resamples) -> NDArray[np.float64]:
    """(resamples,) the mean average precision of each: most of the time of all intervals, so it is taken once."""
    return drawn.once(judged, lambda: drawn.over(judged.mean, int(judged.predictions.max(initial=drawn.photos))))


def with_chosen_rules(
    cascade: Cascade,
    tune: ShardReader,
    ancestors: Mapping[str, Sequence[str]],
    progress: Callable[[int], object] = lambda photos: None,
) -> Pinned:
    """What the cascade pins, with the rules that reach the best detection metric on the tune photos.

    Each cluster's rules are chosen by the mean average precision of its own classes, then how far clusters may overlap
    by that of all. Of equal ones the first stays, which is the default; without a tune photo with a box all stay.
    """
    truth = Truth.of(tune, ancestors)
    if not len(truth.boxes):
        return cascade.pinned
    said, masks = _predicted(cascade, tune, progress)
    chosen: dict[str, BoxRules] = {}

    def found(rules: Mapping[str, BoxRules], duplicates: float, slugs: Iterable[str]) -> list[list[FoundBox]]:
        own = [{slug: mask for slug, mask in photo.items() if slug in slugs} for photo in masks]
        return [cascade.boxes(*one, rules, duplicates) for one in zip(said, own, strict=True)]

    for slug in cascade.clusters:
        classes = cascade.places[slug]
        grid = [BoxRules(neck=neck, min_cells=cells, score=way) for neck, cells, way in product(NECKS, CELLS, WAYS)]
        scores = [_mean_of(truth.judge(found({slug: rules}, 1.0, (slug,))), classes) for rules in grid]
        chosen[slug] = grid[int(np.argmax(scores))]
    overlaps = [float(truth.judge(found(chosen, overlap, cascade.clusters)).mean()) for overlap in DUPLICATES]
    duplicates = DUPLICATES[int(np.argmax(overlaps))]
    return cascade.pinned.model_copy(update={"rules": chosen, "duplicates": duplicates})


def _predicted(
    cascade: Cascade, reader: ShardReader, progress: Callable[[int], object]
) -> tuple[list[NDArray[np.float32]], list[dict[str, NDArray[np.float32]]]]:
    """Probabilities and masks of each row, from the clusters that the classifier names."""
    rows = {image_id: row for row, image_id in enumerate(reader.table["id"])}
    said: list[NDArray[np.float32]] = [np.zeros(0, dtype=np.float32)] * len(reader)
    masks: list[dict[str, NDArray[np.float32]]] = [{}] * len(reader)
    for samples in batches(reader, BATCH):
        for sample, found in zip(samples, cascade.predict_images(_images(samples)), strict=True):
            said[rows[sample.id]], masks[rows[sample.id]] = found.probabilities, found.masks
        progress(len(samples))
    return said, masks


def _images(samples: Sequence[Sample]) -> list[NDArray[np.uint8]]:
    return [sample.image for sample in samples]


def _mean_of(judged: Judgement, classes: Sequence[int]) -> float:
    """The mean average precision over some classes; 0 when none has a true box."""
    values = judged.average_precisions()[np.isin(judged.classes, classes)]
    return float(values.mean()) if len(values) else 0.0
