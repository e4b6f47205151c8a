"""A cascade against the truth of a split: what each photo leaves behind, and the numbers that follow."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oi_tasks.core import metrics
from oi_tasks.core.boxes import match
from oi_tasks.core.masks import box_masks
from oi_tasks.core.metrics import Counts, Number
from oi_tasks.io.shards import Sample, ShardReader, batches
from oi_tasks.models.cascade import Cascade, PhotoPrediction

BATCH = 64

Formula = Callable[[Counts], Counts]


@dataclass(frozen=True)
class Scores:
    """Counts per photo of one cascade on one split, by part and number: what intervals and differences come from."""

    ids: list[str]
    counts: dict[str, dict[str, Counts]]
    classes: list[dict[str, Any]]

    def numbers(self, weights: Counts) -> dict[str, dict[str, Number]]:
        """Every number with its interval, by part."""
        return {
            part: {name: metrics.with_interval(kept, FORMULAS[name], weights) for name, kept in named.items()}
            for part, named in self.counts.items()
        }

    def differences(self, other: "Scores", weights: Counts) -> dict[str, dict[str, Number]]:
        """Our numbers minus another's on the same photos, where both have them."""
        return {
            part: {
                name: metrics.paired_difference(kept, other.counts[part][name], FORMULAS[name], weights)
                for name, kept in named.items()
                if name in other.counts.get(part, {})
            }
            for part, named in self.counts.items()
        }


FORMULAS: dict[str, Formula] = {
    "macro_f1": metrics.macro_f1,
    "micro_f1": metrics.micro_f1,
    "top1_accuracy": metrics.ratio,
    "mean_iou": metrics.mean_ratio,
    "box_recall": metrics.ratio,
    "box_precision": metrics.ratio,
}


class Scoring:
    """Gathers what each photo leaves behind while a split is read once."""

    def __init__(self, cascade: Cascade, reader: ShardReader) -> None:
        self.cascade, self.reader = cascade, reader
        self.present, self.absent = reader.known("present"), reader.known("absent")
        self.known = np.ones_like(self.present) if reader.index.unverified == "negative" else self.present | self.absent
        photos, classes = self.present.shape
        self.probabilities = np.zeros((photos, classes))
        self.masks = {slug: np.zeros((photos, len(cascade.places[slug]), 2)) for slug in cascade.clusters}
        self.recall, self.precision = np.zeros((photos, classes, 2)), np.zeros((photos, classes, 2))
        self.judged: list[list[tuple[float, bool]]] = [[] for _ in range(classes)]

    def run(self, progress: Callable[[int], object]) -> Scores:
        """Read the split, predict, compare."""
        rows = {image_id: row for row, image_id in enumerate(self.reader.table["id"])}
        for samples in batches(self.reader, BATCH):
            truly = [self._clusters_of(sample) for sample in samples]
            found = self.cascade.predict_images([sample.image for sample in samples], dict(enumerate(truly)))
            for sample, prediction in zip(samples, found, strict=True):
                row = rows[sample.id]
                self.probabilities[row] = prediction.probabilities
                self._compare_masks(row, sample, prediction)
                self._compare_boxes(row, sample, prediction)
            progress(len(samples))
        return Scores(self.reader.table["id"].to_list(), self._counts(), self._classes())

    def _clusters_of(self, sample: Sample) -> list[str]:
        boxed = {box["class"] for box in sample.boxes}
        return [slug for slug, places in self.cascade.places.items() if boxed & set(places)]

    def _knows_where(self, row: int, sample: Sample) -> NDArray[np.bool_]:
        """Classes whose place in the photo is known: those with boxes, and those that are not in it."""
        boxed = np.zeros(self.present.shape[1], dtype=bool)
        boxed[[box["class"] for box in sample.boxes]] = True
        return np.asarray(boxed | (self.known[row] & ~self.present[row]))

    def _compare_masks(self, row: int, sample: Sample, prediction: PhotoPrediction) -> None:
        """Cells in both and in either, on photos with a box of the cluster, and on those that were sent to it."""
        where = self._knows_where(row, sample)
        for slug, mask in prediction.masks.items():
            places = self.cascade.places[slug]
            thresholds = np.array(self.cascade.semseg[slug][1].thresholds)
            said = mask >= thresholds[:, None, None]
            true = box_masks(sample.boxes, places, *mask.shape[1:]).astype(bool)
            both, either = (said & true).sum(axis=(1, 2)), (said | true).sum(axis=(1, 2))
            self.masks[slug][row] = np.where(where[places][:, None], np.stack([both, either], axis=1), 0)

    def _compare_boxes(self, row: int, sample: Sample, prediction: PhotoPrediction) -> None:
        where = self._knows_where(row, sample)
        covered = {place for places in self.cascade.places.values() for place in places}
        for place in covered:
            if not where[place]:
                continue
            label = self.cascade.classes[place]
            found = [box for box in prediction.boxes if box.label == label]
            true = [box for box in sample.boxes if box["class"] == place]
            outcome = match(
                np.array([box.box for box in found], dtype=float).reshape(-1, 4),
                np.array([box["box"] for box in true], dtype=float).reshape(-1, 4),
                [box["group"] == 1 for box in true],
            )
            judged = [(box.score, hit) for box, hit in zip(found, outcome, strict=True) if hit is not None]
            self.judged[place] += judged
            hits = sum(hit for _, hit in judged)
            self.recall[row, place] = hits, sum(box["group"] != 1 for box in true)
            self.precision[row, place] = hits, len(judged)

    def _counts(self) -> dict[str, dict[str, Counts]]:
        thresholds = np.array(self.cascade.meta.thresholds)
        labels = metrics.label_counts(self.probabilities, thresholds, self.present, self.known)
        counts: dict[str, dict[str, Counts]] = {
            "classifier": {
                "macro_f1": labels,
                "micro_f1": labels,
                "top1_accuracy": metrics.top1_counts(self.probabilities, self.present),
            }
        }
        for slug, kept in self.masks.items():
            counts[f"semseg/{slug}"] = {"mean_iou": kept}
        counts["cascade"] = {"box_recall": self.recall, "box_precision": self.precision}
        return counts

    def _classes(self) -> list[dict[str, Any]]:
        """One row a class: support, precision, recall, F1, average precision, IoU, boxes and their recall."""
        labels = self._counts()["classifier"]["macro_f1"].sum(0)
        iou = {
            place: self.masks[slug][:, channel].sum(0)
            for slug, places in self.cascade.places.items()
            for channel, place in enumerate(places)
        }
        rows = []
        for place, label in enumerate(self.cascade.classes):
            seen = self.known[:, place]
            true, positives = self.present[seen, place], int(self.present[seen, place].sum())
            both, either = iou.get(place, (0.0, 0.0))
            hits, boxes = self.recall[:, place].sum(0)
            scores = np.array([score for score, _ in self.judged[place]])
            right = np.array([hit for _, hit in self.judged[place]], dtype=bool)
            rows.append(
                {
                    "label": label,
                    "name": self.cascade.meta.names[place],
                    "photos": positives,
                    "precision": _share(labels[place, 0], labels[place, 1]),
                    "recall": _share(labels[place, 0], labels[place, 2]),
                    "f1": _share(2 * labels[place, 0], labels[place, 1] + labels[place, 2]) if positives else None,
                    "average_precision": _plain(
                        metrics.average_precision(self.probabilities[seen, place], true, positives)
                    ),
                    "iou": _share(both, either) if place in iou else None,
                    "boxes": int(boxes),
                    "box_recall": _share(hits, boxes),
                    "box_average_precision": _plain(metrics.average_precision(scores, right, int(boxes))),
                }
            )
        return rows


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else value
