"""Slices of what was scored: classes, parents, clusters, aspects, and kinds of boxes, each with its own number."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from oi_tasks.core.bootstrap import Counts, Paired, Resamples, compared, interval
from oi_tasks.core.metrics import Bools

Metric = Literal["f1", "recall"]
SIZES = (("small", 0.0, 0.01), ("medium", 0.01, 0.1), ("large", 0.1, np.inf))  # share of the photo's area
FLAGS = {"occluded": "occluded", "truncated": "truncated", "group": "group_of"}


@dataclass(frozen=True)
class Slice:
    """Some of the labels: by class, by photo, or by the boxes that show the class in the photo."""

    kind: str
    value: str
    name: str
    metric: Metric
    places: Bools
    """(C,), (N, 1) or (N, C): which labels of which photos; broadcasts to (N, C)."""


def class_slices(
    classes: Sequence[str], names: Sequence[str], ancestors: Mapping[str, Sequence[str]], clusters: Mapping[str, str]
) -> list[Slice]:
    """Each class; each label that two or more classes are a kind of, or are; each cluster. F1 of all its labels.

    `ancestors` are MIDs by class, nearest first; `clusters` slugs by class.
    """
    titles = dict(zip(classes, names, strict=True))
    parents: dict[str, list[str]] = defaultdict(list)
    for label in classes:
        for parent in (label, *ancestors.get(label, ())):
            parents[parent].append(label)
    members = {("parent", parent): below for parent, below in sorted(parents.items()) if len(below) > 1}
    for cluster in sorted(set(clusters.values())):
        members["cluster", cluster] = [label for label in classes if clusters.get(label) == cluster]
    alone = [Slice("class", label, titles[label], "f1", np.array(classes) == label) for label in classes]
    return alone + [
        Slice(kind, value, titles.get(value, value), "f1", np.isin(classes, below))
        for (kind, value), below in members.items()
    ]


def aspect_slices(bins: Sequence[str]) -> list[Slice]:
    """The photos of each aspect bin: F1 of all labels."""
    held = np.array(bins)
    return [Slice("aspect", name, name, "f1", (held == name)[:, None]) for name in sorted(set(bins))]


def box_slices(boxes: Iterable[Sequence[Mapping[str, Any]]], classes: int) -> list[Slice]:
    """Labels by the boxes of their class in the photo: recall, as a photo without the class has no such box.

    Size: of the largest box. Occluded, truncated: every box is. Group of: any box is.
    """
    held = list(boxes)
    largest = np.zeros((len(held), classes))
    flags = {flag: np.zeros((len(held), classes), dtype=bool) for flag in FLAGS}
    for row, found in enumerate(held):
        for place in {box["class"] for box in found}:
            own = [box for box in found if box["class"] == place]
            largest[row, place] = max((b[2] - b[0]) * (b[3] - b[1]) for b in (box["box"] for box in own))
            for flag, flagged in flags.items():
                said = [box[flag] == 1 for box in own]
                flagged[row, place] = any(said) if flag == "group" else all(said)
    sizes = [
        Slice("box_size", name, name, "recall", (largest > low if low == 0 else largest >= low) & (largest < high))
        for name, low, high in SIZES
    ]
    return sizes + [Slice("boxes", FLAGS[flag], FLAGS[flag], "recall", flagged) for flag, flagged in flags.items()]


def score_slices(
    slices: Sequence[Slice], ours: Counts, theirs: Counts | None, drawn: Resamples
) -> list[dict[str, Any]]:
    """One row a slice that holds a true label: the candidate's number, the champion's, their difference.

    `ours` and `theirs` are label counts (N, C, 3): in both, said, true. `photos` counts those with a true label.
    `interval` is the candidate's, `low` and `high` are the ends of the difference's; None without a champion.
    """
    rows, true = [], ours[..., 2] > 0
    for metric in ("f1", "recall"):
        support = {place: _photos(one, true) for place, one in enumerate(slices) if one.metric == metric}
        chosen = [slices[place] for place, photos in support.items() if photos]
        if not chosen:
            continue
        formula = _f1 if metric == "f1" else _recall
        values, resampled = (formula(sums) for sums in _sums(chosen, ours, drawn))
        pairs: Sequence[Paired | None] = [None] * len(chosen)
        if theirs is not None:
            champion, champion_resampled = (formula(sums) for sums in _sums(chosen, theirs, drawn))
            pairs = compared(values, champion, resampled - champion_resampled)
        own = zip(*interval(resampled), strict=True)
        photos = [found for found in support.values() if found]
        for one, count, value, ends, pair in zip(chosen, photos, values, own, pairs, strict=True):
            rows.append(slice_row((one.kind, one.value, one.name, metric), count, value, ends, pair))
    return rows


def slice_row(
    what: tuple[str, str, str, str], photos: int, value: float, ends: Sequence[float], pair: Paired | None
) -> dict[str, Any]:
    """A row of the document: `what` is kind, value, name and metric, `ends` are of the candidate's own interval."""
    said: dict[str, Any] = dict(zip(("kind", "value", "name", "metric"), what, strict=True)) | {"photos": photos}
    said |= {"candidate": _plain(value), "interval": [_plain(end) for end in ends]}
    for name in ("champion", "difference", "low", "high"):
        said[name] = None if pair is None else _plain(getattr(pair, name))
    return said


def _photos(one: Slice, true: Bools) -> int:
    """How many photos hold one of the true labels (N, C) of the slice."""
    held = true[:, one.places] if one.places.ndim == 1 else true & one.places
    return int(held.any(1).sum())


def _sums(slices: Sequence[Slice], labels: Counts, drawn: Resamples) -> tuple[Counts, Counts]:
    """The label counts of each slice, summed over classes and all photos, (S, 3), and over those of each resample,
    (R, S, 3). Those of classes are added up from the sums of each class, which are resampled for other numbers too.
    """
    of_labels = [place for place, one in enumerate(slices) if one.places.ndim > 1]
    gathered = _gather([slices[place] for place in of_labels], labels)
    found = []
    for by_class, by_slice in ((labels.sum(0), gathered.sum(0)), (drawn.sums(labels), drawn.sums(gathered))):
        sums = np.empty((*by_class.shape[:-2], len(slices), 3))
        sums[..., of_labels, :] = by_slice
        for place, one in enumerate(slices):
            if one.places.ndim == 1:
                sums[..., place, :] = by_class[..., one.places, :].sum(-2)
        found.append(sums)
    return found[0], found[1]


def _gather(slices: Sequence[Slice], labels: Counts) -> Counts:
    """(N, S, 3): the label counts of each slice, summed over classes. Few labels are said or true: only those count."""
    photo, label, count = np.nonzero(labels)
    values, cell = labels[photo, label, count], photo * 3 + count
    found = np.zeros((len(labels), len(slices), 3))
    for place, one in enumerate(slices):
        held = np.broadcast_to(one.places, labels.shape[:2])[photo, label]
        found[:, place] = np.bincount(cell[held], values[held], found[:, place].size).reshape(-1, 3)
    return found


def _f1(sums: Counts) -> Counts:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * sums[..., 0] / (sums[..., 1] + sums[..., 2]))


def _recall(sums: Counts) -> Counts:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 2])


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)
