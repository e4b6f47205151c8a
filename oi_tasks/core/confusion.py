"""What a classifier takes for what, and which classes do worse than their size lets expect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from oi_tasks.core.metrics import Bools

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Relation = Literal["parent and child", "siblings", "same family", "unrelated"]
RELATIONS: tuple[Relation, ...] = ("parent and child", "siblings", "same family", "unrelated")
HUMAN = {  # people, their bodies, what they wear: labels of Open Images
    "/m/01g317": "Person",
    "/m/02p0tk3": "Human body",
    "/m/09j2d": "Clothing",
    "/m/0463sg": "Fashion accessory",
}
STRANGE = 2.0  # robust deviations below the trend


def confusion(probabilities: npt.NDArray[np.floating[Any]], present: Bools) -> Ints:
    """(C, C): photos that show one class, by that class (rows) and the likeliest one (columns)."""
    single = present.sum(1) == 1
    counts = np.zeros((present.shape[1],) * 2, dtype=np.int64)
    np.add.at(counts, (present[single].argmax(1), probabilities[single].argmax(1)), 1)
    return counts


def relation(one: str, other: str, ancestors: Mapping[str, Sequence[str]]) -> Relation:
    """How two classes stand in the hierarchy; `ancestors` are nearest first."""
    above, over = tuple(ancestors.get(one, ())), tuple(ancestors.get(other, ()))
    if other in above or one in over:
        return "parent and child"
    if above and over and above[0] == over[0]:
        return "siblings"
    return "same family" if set(above) & set(over) else "unrelated"


@dataclass(frozen=True)
class Confused:
    """A class taken for another: the photos, as a count and as a share of the photos of the class."""

    true: int
    said: int
    photos: int
    share: float
    relation: Relation


def confused_pairs(counts: Ints, classes: Sequence[str], ancestors: Mapping[str, Sequence[str]]) -> list[Confused]:
    """Every class taken for another, the most photos first."""
    pairs = [
        Confused(
            int(true),
            int(said),
            int(counts[true, said]),
            float(counts[true, said] / counts[true].sum()),
            relation(classes[true], classes[said], ancestors),
        )
        for true, said in np.argwhere(counts)
        if true != said
    ]
    return sorted(pairs, key=lambda pair: (-pair.photos, -pair.share, pair.true, pair.said))


@dataclass(frozen=True)
class Trend:
    """F1 against the logarithm of a class's size: a line, what each class is above it, and which are far below."""

    slope: float
    intercept: float
    residuals: Floats
    strange: Bools

    def at(self, photos: float) -> float:
        """What a class of that many photos may be expected to reach."""
        return self.intercept + self.slope * float(np.log10(photos))


def trend(photos: Ints, f1: Floats) -> Trend | None:
    """The line through the classes that have photos, by the median of all slopes (Theil 1950, Sen 1968), which a few
    strange classes do not bend; strange are those STRANGE robust deviations below. None for fewer than three classes.
    """
    usable = (photos > 0) & ~np.isnan(f1)
    if usable.sum() < 3:
        return None
    size, reached = np.log10(photos[usable]), f1[usable]
    first, second = np.triu_indices(len(size), 1)
    apart = size[second] != size[first]
    slopes = (reached[second] - reached[first])[apart] / (size[second] - size[first])[apart]
    slope = float(np.median(slopes)) if len(slopes) else 0.0
    intercept = float(np.median(reached - slope * size))
    residuals = np.full(len(f1), np.nan)
    residuals[usable] = reached - intercept - slope * size
    spread = 1.4826 * float(np.nanmedian(np.abs(residuals)))
    with np.errstate(invalid="ignore"):
        strange = residuals < -max(STRANGE * spread, 0.02)
    return Trend(slope, intercept, residuals, strange)


def is_human(label: str, ancestors: Mapping[str, Sequence[str]]) -> bool:
    """Whether a class is of people, their bodies or what they wear."""
    return bool(HUMAN.keys() & {label, *ancestors.get(label, ())})


def together(present: Bools) -> list[tuple[int, int, int, float]]:
    """Pairs of classes on the same photos, the most first: both, photos, and the lift over chance."""
    held = present.astype(np.int64)
    both, sizes = held.T @ held, held.sum(0)
    pairs = [
        (int(one), int(other), int(both[one, other]), float(both[one, other] * len(held) / (sizes[one] * sizes[other])))
        for one, other in np.argwhere(np.triu(both, 1))
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))


def confusion_distances(counts: Ints) -> Floats:
    """(C, C): 1 less the share of two classes' photos that are taken for the other, both ways; 0 on the diagonal."""
    totals = counts.sum(1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    distances: Floats = 1 - np.clip((shares + shares.T) / 2, 0, 1)
    np.fill_diagonal(distances, 0)
    return distances


def hierarchy_distances(classes: Sequence[str], ancestors: Mapping[str, Sequence[str]]) -> Floats:
    """(C, C): 1 less the share of the labels above either class, themselves included, that are above both."""
    lines = [{label, *ancestors.get(label, ())} for label in classes]
    return np.array([[1 - len(one & other) / len(one | other) for other in lines] for one in lines])
