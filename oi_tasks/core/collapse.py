"""Class collapsing: from hundreds of labels to a budget of classes, by rule, each label's fate with its reason.

Every label with examples starts as a class of its own. A class too small to train rolls up into what it is a kind of;
while there are more classes than the budget allows, the smallest rolls up next. What has nowhere to roll up to is
dropped. Merging the smallest first keeps the sizes as even as the tree lets them be.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from oi_tasks.core.hierarchy import Hierarchy
from oi_tasks.errors import BadInput


@dataclass(frozen=True)
class Correction:
    """A correction by hand: keep a label as a class, drop it, or merge it into another class."""

    label: str
    action: Literal["keep", "drop", "merge"]
    into: str | None = None


@dataclass(frozen=True)
class Fate:
    """What became of a label: the class it belongs to (None: dropped), and the rule that decided."""

    cls: str | None
    rule: str


class _Merging:
    """Classes under way: who has gone into whom, and how large each class is by now."""

    def __init__(self, hierarchy: Hierarchy, sizes: Mapping[str, int], fixed: Iterable[str]) -> None:
        self.hierarchy, self.fixed = hierarchy, set(fixed)
        self.size = {label: size for label, size in sizes.items() if size > 0}
        for label in self.fixed:
            self.size.setdefault(label, 0)
        self.own = dict(sizes)
        self.gone: dict[str, Fate] = {}

    def parent(self, label: str) -> str | None:
        """Where a label rolls up to: of several parents the one with most examples below it, ties by MID."""
        parents = self.hierarchy.parents(label)
        return min(parents, key=lambda parent: (-self._below(parent), parent), default=None)

    def _below(self, label: str) -> int:
        return sum(self.own.get(found, 0) for found in (label, *self.hierarchy.descendants(label)))

    def roll_up(self, label: str, why: str) -> None:
        """Merge a class into its parent, or drop it where there is none."""
        parent = self.parent(label)
        size = self.size.pop(label)
        if parent is None:
            self.gone[label] = Fate(None, f"dropped: {why}, and nothing to roll up into")
        else:
            self.gone[label] = Fate(parent, f"rolled up: {why}")
            self.gone.pop(parent, None)
            self.size[parent] = self.size.get(parent, 0) + size

    def next_smallest(self, below: float) -> str | None:
        """The smallest class under a size that may still merge; deeper ones first among equals, then by MID."""
        free = [label for label, size in self.size.items() if size < below and label not in self.fixed]
        levels = self.hierarchy.levels
        return min(free, key=lambda label: (self.size[label], -levels.get(label, 0), label), default=None)

    def fate(self, label: str) -> Fate:
        """Where a label ended up, by following the merges."""
        if label in self.size:
            return Fate(label, "kept")
        first = self.gone.get(label)
        if first is None:
            return self._without_examples(label)
        at: str | None = label
        while at is not None and at not in self.size:
            at = self.gone[at].cls
        return Fate(
            at, first.rule if at is not None or first.cls is None else "dropped: what it rolled up into was dropped"
        )

    def _without_examples(self, label: str) -> Fate:
        near = next((found for found in self.hierarchy.ancestors(label) if found in self.size), None)
        return Fate(near, "rolled up: no examples" if near else "dropped: no examples")


def collapse(
    hierarchy: Hierarchy,
    sizes: Mapping[str, int],
    max_classes: int,
    min_size: int,
    corrections: Iterable[Correction] = (),
) -> dict[str, Fate]:
    """The fate of every label of the hierarchy or of `sizes` (examples by MID: boxes, or photos).

    At most `max_classes` classes remain, each with at least `min_size` examples unless kept by hand. Deterministic:
    ties are broken by MID. Raises BadInput for a correction that makes no sense.
    """
    corrections = tuple(corrections)
    labels = sorted((set(hierarchy.labels) | set(sizes)) - set(hierarchy.roots))
    _check(corrections, set(labels), max_classes)
    keep = [made.label for made in corrections if made.action == "keep"]
    away = {made.label for made in corrections if made.action != "keep"}
    merging = _Merging(hierarchy, {label: sizes.get(label, 0) for label in labels if label not in away}, keep)
    while (label := merging.next_smallest(min_size)) is not None:
        merging.roll_up(label, "too few examples")
    while len(merging.size) > max_classes and (label := merging.next_smallest(math.inf)) is not None:
        merging.roll_up(label, "over the budget of classes")
    fates = {label: merging.fate(label) for label in labels}
    for made in corrections:
        if made.action == "drop":
            fates[made.label] = Fate(None, "dropped: by hand")
        elif made.action == "merge" and made.into is not None:
            target = fates[made.into].cls
            if target is None:
                raise BadInput(f"{made.label} cannot merge into {made.into}, which is dropped", "classes.overrides")
            fates[made.label] = Fate(target, "merged: by hand")
        else:
            fates[made.label] = Fate(made.label, "kept: by hand")
    return fates


def _check(corrections: tuple[Correction, ...], labels: set[str], max_classes: int) -> None:
    where = "classes.overrides of the profile"
    for made in corrections:
        for label in (made.label, made.into):
            if label is not None and label not in labels:
                raise BadInput(f"the override names {label}, which is no label of the hierarchy", where)
        if (made.action == "merge") != (made.into is not None):
            raise BadInput(f"the override of {made.label}: `into` goes with merge, and only there", where)
        if made.label == made.into:
            raise BadInput(f"the override merges {made.label} into itself", where)
    named = [made.label for made in corrections]
    twice = sorted({label for label in named if named.count(label) > 1})
    if twice:
        raise BadInput(f"two overrides name {', '.join(twice)}", where)
    if sum(made.action == "keep" for made in corrections) > max_classes:
        raise BadInput("more labels are kept by hand than classes.max allows", where)


def entropy_bits(sizes: Iterable[int]) -> float:
    """Entropy in bits of the distribution of examples over classes: log2(n) when all are of one size."""
    counts = [size for size in sizes if size > 0]
    total = sum(counts)
    return -sum(size / total * math.log2(size / total) for size in counts) if total else 0.0
