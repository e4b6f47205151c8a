"""A cascade against the truth of a split: what each photo leaves behind, and the numbers that follow."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from oi_tasks.core import label_scores, metrics
from oi_tasks.core.bootstrap import Counts, Formula, Paired, Resamples, paired
from oi_tasks.core.calibration import calibration_counts, expected_error
from oi_tasks.core.label_scores import LabelScores, plain, share
from oi_tasks.core.located_slices import Located, score_located
from oi_tasks.core.masks import box_masks
from oi_tasks.core.metrics import Number
from oi_tasks.core.openimages_map import Judgement
from oi_tasks.core.routing import routing
from oi_tasks.core.slices import Slice, aspect_slices, box_slices, class_slices, score_slices
from oi_tasks.core.thresholds import MaskCounts
from oi_tasks.io.shards import Sample, ShardReader, batches
from oi_tasks.models.box_counts import BY_SIZE, BoxCounts
from oi_tasks.models.box_counts import FORMULAS as BOX_FORMULAS
from oi_tasks.models.box_rules import FoundBox
from oi_tasks.models.cascade import Cascade
from oi_tasks.models.detections import Truth, map_with_interval, paired_map
from oi_tasks.models.mask_curves import mask_curves
from oi_tasks.models.photo_rows import PhotoCounts
from oi_tasks.models.predictor import PhotoPrediction

BATCH = 64
TIMED = 16  # photos that a cluster's pass is timed on, one at a time

FORMULAS: dict[str, Formula] = {
    **label_scores.FORMULAS,
    "calibration_error": expected_error,
    "mean_iou": metrics.mean_ratio,
    **BOX_FORMULAS,
}


@dataclass(frozen=True)
class Scores:
    """Counts per photo of one cascade on one split, by part and number: what intervals and differences come from."""

    ids: list[str]
    counts: dict[str, dict[str, Counts]]
    classes: list[dict[str, Any]]
    slices: list[Slice]
    labels: LabelScores
    detection: Judgement
    ancestors: dict[str, tuple[str, ...]]
    photos: list[dict[str, Any]]
    """One row a photo: see `PhotoCounts`."""
    masks: list[dict[str, Any]]
    """One row a class and threshold of its masks: see `mask_curves`."""
    routing: dict[str, Any] | None
    areas: list[dict[str, Any]]
    """How many true boxes of a size there are, and were found."""
    located: list[Located]

    def numbers(self, drawn: Resamples) -> dict[str, dict[str, Number]]:
        """Every number with its interval, by part."""
        found = {
            part: {name: metrics.with_interval(kept, FORMULAS[name], drawn) for name, kept in named.items()}
            for part, named in self.counts.items()
        }
        found["cascade"]["map"] = map_with_interval(self.detection, drawn)
        return found

    def paired(self, champion: "Scores", drawn: Resamples) -> dict[str, dict[str, Paired]]:
        """Our numbers and the champion's on the same photos, where both have them, by part."""
        found = {
            part: {
                name: paired(kept, champion.counts[part][name], FORMULAS[name], drawn)[0]
                for name, kept in named.items()
                if name in champion.counts.get(part, {})
            }
            for part, named in self.counts.items()
        }
        found["cascade"]["map"] = paired_map(self.detection, champion.detection, drawn)
        return found

    def support(self) -> dict[str, int]:
        """How many photos each part rests on: a cluster those with a box of its classes."""
        clusters = {f"semseg/{one.value}": one.photos for one in self.located if one.kind == "cluster"}
        return {"classifier": len(self.ids), "cascade": len(self.ids)} | clusters

    def by_slice(self, champion: "Scores | None", drawn: Resamples) -> list[dict[str, Any]]:
        """The classifier's numbers by slice, and those of boxes and masks, beside the champion's."""
        theirs = None if champion is None else champion.labels.counts
        located = score_located(self.located, None if champion is None else champion.located, drawn)
        return score_slices(self.slices, self.labels.counts, theirs, drawn) + located


class Scoring:
    """Gathers what each photo leaves behind while a split is read once."""

    def __init__(self, cascade: Cascade, reader: ShardReader) -> None:
        self.cascade, self.reader = cascade, reader
        self.present, self.absent = reader.known("present"), reader.known("absent")
        self.known = np.ones_like(self.present) if reader.index.unverified == "negative" else self.present | self.absent
        photos, classes = self.present.shape
        self.probabilities = np.zeros((photos, classes))
        self.masks = {slug: np.zeros((photos, len(cascade.places[slug]), 2)) for slug in cascade.clusters}
        self.cells = {slug: MaskCounts(len(places)) for slug, places in cascade.places.items()}
        covered = sorted({place for places in cascade.places.values() for place in places})
        self.boxes = BoxCounts(reader, covered)
        self.found: list[tuple[FoundBox, ...]] = [()] * photos

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
                self.boxes.add(row, sample.boxes, prediction.boxes)
                self.found[row] = prediction.boxes
            progress(len(samples))
        return self._scores()

    def _scores(self) -> Scores:
        labels = LabelScores(
            self.cascade.classes,
            self.cascade.meta.names,
            self.probabilities,
            self.cascade.meta.decide(self.probabilities),
            self.present,
            self.known,
        )
        table = self.reader.table
        calibration = calibration_counts(self.probabilities, self.present, self.known, self.cascade.meta.activation)
        counts = {"classifier": labels.numbers() | {"calibration_error": calibration}}
        counts |= {f"semseg/{slug}": {"mean_iou": kept} for slug, kept in self.masks.items()}
        counts["cascade"] = self.boxes.numbers()
        meta, clusters = self.cascade.meta, self.reader.index.clusters
        homes = {label: cluster.name for cluster in clusters for label in cluster.classes}
        slices = [
            *class_slices(meta.classes, meta.names, meta.ancestors, homes),
            *aspect_slices(table["bin"].to_list()),
            *box_slices(table["boxes"].to_list(), len(meta.classes)),
        ]
        detection = Truth.of(self.reader, meta.ancestors).judge(self.found)
        sent = self.cascade.sent(self.probabilities)
        ids, bins = table["id"].to_list(), table["bin"].to_list()
        photos = PhotoCounts(ids, bins, labels, sent, self.boxes.recall, self.boxes.precision, self.masks)
        names = dict(zip(meta.classes, meta.names, strict=True))
        members = {slug: [meta.classes[place] for place in places] for slug, places in self.cascade.places.items()}
        return Scores(
            ids,
            counts,
            self._classes(labels),
            slices,
            labels,
            detection,
            meta.ancestors,
            photos.rows(),
            mask_curves(self.cells, members, names),
            routing(sent, self._milliseconds()),
            self.boxes.areas(),
            self._located(),
        )

    def _located(self) -> list[Located]:
        """The boxes and masks of each class of a cluster; the masks of each cluster, all its cells together."""
        meta, shown = self.cascade.meta, self.reader.boxed() & self.boxes.where
        found = []
        for slug, places in sorted(self.cascade.places.items()):
            for channel, place in enumerate(places):
                label, name, photos = meta.classes[place], meta.names[place], int(shown[:, place].sum())
                found.append(Located("class", label, name, "box_recall", photos, self.boxes.recall[:, place]))
                found.append(Located("class", label, name, "mask_iou", photos, self.masks[slug][:, channel]))
            photos = int(shown[:, places].any(1).sum())
            found.append(Located("cluster", slug, slug, "mask_iou", photos, self.masks[slug].sum(1)))
        return found

    def _milliseconds(self) -> dict[str, float]:
        """The median time of a cluster's pass over one photo; the first one twice: what is made once is not timed."""
        rows = [0, *range(min(TIMED, len(self.reader)))]
        took = [self.cascade.seconds_of_passes(self.reader.image(row)) for row in rows][1:]
        return {slug: round(1000 * median(one[slug] for one in took), 3) for slug in self.cascade.clusters}

    def _clusters_of(self, sample: Sample) -> list[str]:
        boxed = {box["class"] for box in sample.boxes}
        return [slug for slug, places in self.cascade.places.items() if boxed & set(places)]

    def _compare_masks(self, row: int, sample: Sample, prediction: PhotoPrediction) -> None:
        """Cells in both and in either, on photos with a box of the cluster, and on those that were sent to it."""
        where = self.boxes.where[row]
        for slug, mask in prediction.masks.items():
            places = self.cascade.places[slug]
            thresholds = np.array(self.cascade.semseg[slug][1].thresholds)
            said = mask >= thresholds[:, None, None]
            true = box_masks(sample.boxes, places, *mask.shape[1:]).astype(bool)
            both, either = (said & true).sum(axis=(1, 2)), (said | true).sum(axis=(1, 2))
            self.masks[slug][row] = np.where(where[places][:, None], np.stack([both, either], axis=1), 0)
            self.cells[slug].add(mask[None], true[None], where[places][None, :, None, None])

    def _classes(self, labels: LabelScores) -> list[dict[str, Any]]:
        """One row a class: the classifier's, with the IoU of its masks, its boxes and how they were found."""
        iou = {
            place: self.masks[slug][:, channel].sum(0)
            for slug, places in self.cascade.places.items()
            for channel, place in enumerate(places)
        }
        rows = labels.rows()
        for place, row in enumerate(rows):
            hits, boxes = self.boxes.recall[:, place].sum(0)
            scores = np.array([score for score, _ in self.boxes.judged[place]])
            right = np.array([hit for _, hit in self.boxes.judged[place]], dtype=bool)
            row |= {
                "iou": share(*iou[place]) if place in iou else None,
                "dice": _dice(*iou[place]) if place in iou else None,
                "boxes": int(boxes),
                "box_recall": share(hits, boxes),
                **{name: share(*self.boxes.by_class_and_size[place, number]) for number, name in enumerate(BY_SIZE)},
                "box_average_precision": plain(metrics.average_precision(scores, right, int(boxes))),
            }
        return rows


def _dice(both: float, either: float) -> float | None:
    """Dice from the cells in both masks and in either."""
    return share(2 * both, both + either)
