"""Boxes found against true ones, photo by photo: what recall, precision and recall by size come from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oi_tasks.core import metrics
from oi_tasks.core.bootstrap import Counts, Formula
from oi_tasks.core.boxes import area, assign, match
from oi_tasks.core.slices import SIZES
from oi_tasks.io.shards import ShardReader
from oi_tasks.models.box_rules import FoundBox

AREAS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # edges, as shares of the photo's area
BY_SIZE = tuple(f"box_recall_{name}" for name, _, _ in SIZES)
FORMULAS: dict[str, Formula] = dict.fromkeys(("box_recall", "box_precision", *BY_SIZE), metrics.ratio)


def knows_where(reader: ShardReader) -> NDArray[np.bool_]:
    """(N, C) classes whose place in the photo is known: those with boxes, and those that are not in it."""
    present, absent = reader.known("present"), reader.known("absent")
    missing = ~present if reader.index.unverified == "negative" else absent & ~present
    return np.asarray(reader.boxed() | missing)


class BoxCounts:
    """Counts of true and found boxes of some classes, gathered photo by photo.

    A box of a photo is found by one of its class with an IoU of at least 0.5, each by one. A class whose place in a
    photo is not known is not judged there. Boxes around groups are not counted: how many things they hold is unknown.
    """

    def __init__(self, reader: ShardReader, places: Sequence[int]) -> None:
        """`places`: indexes of the classes that are judged."""
        self.labels = {entry.index: entry.label for entry in reader.index.classes}
        self.places, self.where = places, knows_where(reader)
        photos, classes = self.where.shape
        self.recall, self.precision = np.zeros((photos, classes, 2)), np.zeros((photos, classes, 2))
        self.by_size = np.zeros((photos, len(SIZES), 2))
        self.by_class_and_size = np.zeros((classes, len(SIZES), 2))
        self.by_area = np.zeros((len(AREAS) - 1, 2))
        self.judged: list[list[tuple[float, bool]]] = [[] for _ in range(classes)]

    def add(self, row: int, true: Sequence[Mapping[str, Any]], found: Sequence[FoundBox]) -> None:
        """Compare one photo's boxes: the true ones, as in `Sample`, and those found, best score first."""
        for place in self.places:
            if self.where[row, place]:
                own = [box for box in true if box["class"] == place]
                self._compare(row, place, own, [box for box in found if box.label == self.labels[place]])

    def _compare(self, row: int, place: int, true: Sequence[Mapping[str, Any]], found: Sequence[FoundBox]) -> None:
        said = np.array([box.box for box in found], dtype=float).reshape(-1, 4)
        corners = np.array([box["box"] for box in true], dtype=float).reshape(-1, 4)
        group = np.array([box["group"] == 1 for box in true], dtype=bool)
        outcome = match(said, corners, group.tolist())
        judged = [(box.score, hit) for box, hit in zip(found, outcome, strict=True) if hit is not None]
        self.judged[place] += judged
        hits, single = sum(hit for _, hit in judged), corners[~group]
        self.recall[row, place] = hits, len(single)
        self.precision[row, place] = hits, len(judged)
        taken = np.isin(np.arange(len(single)), assign(said, single))
        shares = area(single)
        bins = np.searchsorted(AREAS[1:-1], shares, side="right")
        np.add.at(self.by_area, bins, np.stack([taken, np.ones(len(single))], axis=-1))
        for number, (_, low, high) in enumerate(SIZES):
            of_size = (shares >= low) & (shares < high)
            counted = (taken & of_size).sum(), of_size.sum()
            self.by_size[row, number] += counted
            self.by_class_and_size[place, number] += counted

    def areas(self) -> list[dict[str, Any]]:
        """One row a size: its shares of the photo's area, `low` and `high`, true boxes, and those found."""
        return [
            {"low": low, "high": high, "boxes": int(boxes), "found": int(found)}
            for low, high, (found, boxes) in zip(AREAS[:-1], AREAS[1:], self.by_area, strict=True)
        ]

    def numbers(self) -> dict[str, Counts]:
        """Counts per photo by number, for `FORMULAS`; a size that no true box has is left out."""
        counts = {"box_recall": self.recall, "box_precision": self.precision}
        sizes = {name: self.by_size[:, [place]] for place, name in enumerate(BY_SIZE)}
        return counts | {name: kept for name, kept in sizes.items() if kept[..., 1].any()}
