"""The detection metric of the Open Images Challenge: mean average precision with a hierarchy, on what is verified.

Source: https://storage.googleapis.com/openimages/web/evaluation.html, object detection, as its evaluation code in the
TensorFlow Object Detection API has it. Everything is arrays; photos and labels are known by their index.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from oi_tasks.core.boxes import HIT, Boxes, overlap_of_pairs, share_inside
from oi_tasks.core.hierarchy import Hierarchy

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Weights = npt.NDArray[np.number]
TABLE = 1 << 28  # bytes of a table of all photos and labels; for more of them keys are sorted
PAIRS = 1 << 20  # of a predicted and a true box that are compared at once: bounds memory


@dataclass(frozen=True)
class Ragged:
    """For each index a few others: `values[starts[i] : starts[i] + counts[i]]`."""

    starts: Ints
    counts: Ints
    values: Ints

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> Self:
        """From one list for each index."""
        counts = np.array([len(row) for row in rows], dtype=np.int64)
        values = np.array([value for row in rows for value in row], dtype=np.int64)
        return cls(np.cumsum(counts) - counts, counts, values)

    def spread(self, indexes: Ints) -> tuple[Ints, Ints]:
        """For each of some indexes all its values: their places among the indexes, and the values."""
        return _spread(self.starts[indexes], self.counts[indexes], self.values)


def _spread(starts: Ints, counts: Ints, values: Ints | None = None) -> tuple[Ints, Ints]:
    """Stretches one after the other: the number of the stretch, and what stands there (its place, without values)."""
    rows = np.repeat(np.arange(len(counts)), counts)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts) + starts[rows]
    return rows, places if values is None else values[places]


@dataclass(frozen=True)
class Lineage:
    """What labels expand to, by index: `up` to themselves and their Subcategory ancestors, without the root; `down` to
    themselves and their descendants. A label that the hierarchy does not have stands alone.
    """

    labels: tuple[str, ...]
    up: Ragged
    down: Ragged

    @classmethod
    def of(cls, labels: Sequence[str], hierarchy: Hierarchy) -> Self:
        """Of labels in a hierarchy."""
        return cls._of(labels, hierarchy.ancestors, hierarchy.descendants)

    @classmethod
    def of_ancestors(cls, labels: Sequence[str], ancestors: Mapping[str, Sequence[str]]) -> Self:
        """Of labels whose ancestors are listed."""
        below: dict[str, list[str]] = {label: [] for label in labels}
        for label in labels:
            for ancestor in ancestors.get(label, ()):
                below.setdefault(ancestor, []).append(label)
        return cls._of(labels, lambda label: ancestors.get(label, ()), lambda label: below[label])

    @classmethod
    def _of(
        cls, labels: Sequence[str], up: Callable[[str], Sequence[str]], down: Callable[[str], Sequence[str]]
    ) -> Self:
        index = {label: place for place, label in enumerate(labels)}

        def rows(more: Callable[[str], Sequence[str]]) -> Ragged:
            return Ragged.of([[index[each] for each in (label, *more(label)) if each in index] for label in labels])

        return cls(tuple(labels), rows(up), rows(down))


@dataclass(frozen=True)
class BoxTable:
    """N boxes: the photo's and the label's index (N,), corners (N, 4) as XMin, YMin, XMax, YMax; and of true boxes
    whether each is around a group (N,), of predicted ones the score (N,).
    """

    photo: Ints
    label: Ints
    box: Boxes
    group: Bools
    score: Floats

    @classmethod
    def true(cls, photo: Ints, label: Ints, box: Boxes, group: Bools) -> Self:
        """True boxes."""
        return cls(photo, label, box, group, np.zeros(len(photo)))

    @classmethod
    def predicted(cls, photo: Ints, label: Ints, box: Boxes, score: Floats) -> Self:
        """Predicted boxes."""
        return cls(photo, label, box, np.zeros(len(photo), dtype=bool), score)

    def __len__(self) -> int:
        return len(self.photo)

    def take(self, rows: npt.NDArray[np.generic]) -> Self:
        """Some of the boxes, in that order."""
        return type(self)(self.photo[rows], self.label[rows], self.box[rows], self.group[rows], self.score[rows])

    def expanded(self, up: Ragged) -> Self:
        """Each box once for its label and once for each ancestor."""
        rows, labels = up.spread(self.label)
        return replace(self.take(rows), label=labels)

    def best_of_equal(self) -> Self:
        """Of boxes of one photo, label and place the one with the best score; the rest keep their order."""
        keys = (self.score * -1, *self.box.T, self.label, self.photo)
        order = np.lexsort(keys)
        same = [column[order][1:] == column[order][:-1] for column in keys[1:]]
        first = np.append(True, ~np.logical_and.reduce(same))[: len(self)]
        return self.take(np.sort(order[first]))


@dataclass(frozen=True)
class ImageLabels:
    """N verified labels: the photo's and the label's index, and whether the label is present or absent."""

    photo: Ints
    label: Ints
    present: Bools


@dataclass(frozen=True)
class Judgement:
    """What counts of the predictions: photo, label, and whether it is a hit, by falling score; and all true boxes."""

    photo: Ints
    label: Ints
    hit: Bools
    true_photo: Ints
    true_label: Ints
    predictions: Ints
    """(L,) of each label, in photos where it is verified."""

    @cached_property
    def boxes(self) -> Ints:
        """(L,) true boxes of each label, with those that the hierarchy adds."""
        return np.bincount(self.true_label, minlength=len(self.predictions))

    @cached_property
    def classes(self) -> Ints:
        """Labels with at least one true box."""
        return np.flatnonzero(self.boxes)

    @cached_property
    def _of_classes(self) -> list[tuple[Ints, Ints, Ints]]:
        """Of each of `classes`: the photos of its predictions by falling score, the places of the hits among them, and
        the photos of its true boxes.
        """
        both = zip(_by_class(self.label, self.classes), _by_class(self.true_label, self.classes), strict=True)
        return [(self.photo[own], np.flatnonzero(self.hit[own]), self.true_photo[true]) for own, true in both]

    def average_precisions(self, weights: Weights | None = None) -> Floats:
        """(…, K) area under the precision envelope of each of `classes`; NaN where the weights leave no true box.

        `weights` (…, photos) say how often each photo counts: for resamples.
        """
        if weights is None:
            weights = np.ones(1 + max(self.photo.max(initial=0), self.true_photo.max(initial=0)), dtype=np.uint8)
        found = [
            _area(hits, weights.take(photos, axis=-1), weights.take(true, axis=-1).sum(-1))
            for photos, hits, true in self._of_classes
        ]
        return np.stack(found, axis=-1) if found else np.zeros((*weights.shape[:-1], 0))

    def mean(self, weights: Weights | None = None) -> Floats:
        """(…) the mean of the average precisions over classes with a true box; NaN without any."""
        values = self.average_precisions(weights)
        known = ~np.isnan(values)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(known, values, 0).sum(-1) / known.sum(-1))


def _by_class(labels: Ints, classes: Ints) -> Iterator[Ints]:
    """Of each class the places where it stands among the labels, in their order."""
    order = np.argsort(labels, kind="stable")
    starts, stops = (np.searchsorted(labels[order], bound) for bound in (classes, classes + 1))
    return (order[start:stop] for start, stop in zip(starts, stops, strict=True))


def _area(hits: Ints, times: Weights, positives: Weights) -> Floats:
    """Area under the precision envelope: predictions by falling score, each counted `times` (…, P); `hits` (H,) are
    the places of the hits among them.

    Precision falls from one hit to the next, so the envelope is taken over hits alone. Whole numbers are added up as
    such: a cumulative sum of floats takes twice as long.
    """
    kind = np.result_type(times, np.int64)
    of_hits = times.take(hits, axis=-1)
    all_of_them = np.cumsum(times, axis=-1, dtype=kind).take(hits, axis=-1)
    precision = np.cumsum(of_hits, axis=-1, dtype=kind) / np.maximum(all_of_them, 1e-300)
    envelope = precision[..., ::-1]
    np.maximum.accumulate(envelope, axis=-1, out=envelope)
    with np.errstate(invalid="ignore"):
        return np.asarray((of_hits * precision).sum(-1) / np.where(positives > 0, positives, np.nan))


def judge(
    true: BoxTable, labels: ImageLabels, predictions: BoxTable, lineage: Lineage, expand_predictions: bool = False
) -> Judgement:
    """Judge predictions by the Challenge's rules.

    A true box counts for each ancestor too. A label is verified in a photo by a box, by an image label that says it is
    present (as are then its ancestors), or absent (as are its descendants); other predictions there are left out. By
    label and photo, falling score: the box of largest IoU that is no group, from 0.5 on, is hit once. What is no hit
    and lies at least half in a group's box belongs to the one that it lies in most: such a box is one true box, hit by
    the best of its predictions, and the others do not count. The rest is false. Equal scores keep their given order.
    """
    true = true.expanded(lineage.up)
    if expand_predictions:
        predictions = predictions.expanded(lineage.up).best_of_equal()
    count = len(lineage.labels)
    verified = _verified(true, labels, lineage)
    predictions = predictions.take(_among(predictions.photo * count + predictions.label, verified))
    predictions = predictions.take(np.argsort(-predictions.score, kind="stable"))
    hit = _first_hits(predictions, true.take(~true.group), overlap_of_pairs, count)[0]
    missed = np.flatnonzero(~hit)
    best, within = _first_hits(predictions.take(missed), true.take(true.group), share_inside, count)
    hit[missed[best]] = True
    counts = np.ones(len(predictions), dtype=bool)
    counts[missed[within & ~best]] = False
    listed = predictions.take(counts)
    said = np.bincount(predictions.label, minlength=count)
    return Judgement(listed.photo, listed.label, hit[counts], true.photo, true.label, said)


def _verified(true: BoxTable, labels: ImageLabels, lineage: Lineage) -> Ints:
    """What is verified, as photo × number of labels + label."""
    keys = [true.photo * len(lineage.labels) + true.label]
    for ragged, chosen in ((lineage.up, labels.present), (lineage.down, ~labels.present)):
        photos = labels.photo[chosen]
        rows, found = ragged.spread(labels.label[chosen])
        keys.append(photos[rows] * len(lineage.labels) + found)
    return np.concatenate(keys)


def _among(keys: Ints, known: Ints) -> Bools:
    """Which keys are among the known ones: by a table where that is small, five times as fast as by sorting."""
    small = max(keys.max(initial=0), known.max(initial=0)) < TABLE
    return np.isin(keys, known, kind="table" if small else "sort")


def _first_hits(
    found: BoxTable, true: BoxTable, overlap: Callable[[Boxes, Boxes], Floats], count: int
) -> tuple[Bools, Bools]:
    """(P,) whether a prediction is the first to reach the true box that it overlaps most; and whether it reaches it."""
    order, first, near = _same_place(found, true, count)
    boxes = true.box[order]
    reaches, chosen = np.zeros(len(found), dtype=bool), np.zeros(len(found), dtype=np.int64)
    for rows in _stretches(near):
        pair, place = _spread(first[rows], near[rows])
        values = overlap(found.box[rows][pair], boxes[place])
        starts = np.cumsum(near[rows]) - near[rows]
        largest = np.maximum.reduceat(values, starts)
        chosen[rows] = np.minimum.reduceat(np.where(values == largest[pair], place, len(boxes)), starts)
        reaches[rows] = largest >= HIT
    able = np.flatnonzero(reaches)
    hits = np.zeros(len(found), dtype=bool)
    first_to_reach = np.zeros(len(boxes), dtype=np.int64)
    first_to_reach[chosen[able[::-1]]] = able[::-1]  # of several for one box the last that is written stays
    hits[first_to_reach[chosen[able]]] = True
    return hits, reaches


def _same_place(found: BoxTable, true: BoxTable, count: int) -> tuple[Ints, Ints, Ints]:
    """An order of the true boxes in which those of each prediction's photo and label follow one another; the place of
    the first for each prediction (P,), and how many there are (P,).
    """
    keys, own = true.photo * count + true.label, found.photo * count + found.label
    order = np.argsort(keys, kind="stable")
    if not len(order):
        return order, np.zeros_like(own), np.zeros_like(own)
    distinct, starts, counts = np.unique(keys[order], return_index=True, return_counts=True)
    place = np.minimum(np.searchsorted(distinct, own), len(distinct) - 1)
    return order, starts[place], np.where(distinct[place] == own, counts[place], 0)


def _stretches(near: Ints) -> Iterator[Ints]:
    """The rows that have any boxes near, in stretches of at most PAIRS boxes (or one row)."""
    rows = np.flatnonzero(near)
    if len(rows):
        number = (np.cumsum(near[rows]) - 1) // PAIRS
        yield from np.split(rows, np.flatnonzero(np.diff(number)) + 1)
