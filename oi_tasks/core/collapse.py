"""Class collapsing: from hundreds of labels to a budget of classes, by rule, each label's fate with its reason.

Each label has one home that it rolls up to (`core.homes`); which labels become classes is chosen so that they cover
the target and are as even as can be (`core.choice`); every other label belongs to the nearest class above it, or is
dropped.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from oi_tasks.core.bound import most_bits
from oi_tasks.core.choice import Program, Wish, choose, most_covered
from oi_tasks.core.corrections import Correction, apply, check
from oi_tasks.core.hierarchy import Hierarchy
from oi_tasks.core.homes import Fix, Forest, as_kinds, grow
from oi_tasks.errors import BadInput


@dataclass(frozen=True)
class Fate:
    """What became of a label: the class it belongs to (None: dropped), and the rule that decided."""

    cls: str | None
    rule: str


@dataclass(frozen=True)
class Collapsed:
    """The fate of each label, and where it rolls up to; the examples of each class; the bits of their distribution, and
    the most that any choice could have; the most examples that so many classes could cover.
    """

    fates: Mapping[str, Fate]
    forest: Forest
    sizes: Mapping[str, int]
    bits: float
    bound: float
    reachable: int

    @property
    def covered(self) -> int:
        """Examples that a class holds."""
        return sum(self.sizes.values())


@dataclass(frozen=True)
class Asked:
    """At most so many classes, of at least so many examples each, which cover at least `target` examples.

    `off`: the fixes that are switched off. `nameless`: labels without a description.
    """

    max_classes: int
    min_size: int
    target: float = 0.0
    off: Collection[Fix] = ()
    nameless: Collection[str] = ()


def collapse(
    hierarchy: Hierarchy, sizes: Mapping[str, int], asked: Asked, corrections: Iterable[Correction] = ()
) -> Collapsed:
    """The fate of every label of the hierarchy or of `sizes` (examples by MID: boxes, or photos).

    Where the target is out of reach, the classes are those that cover most. Deterministic: ties are broken by MID.
    Raises BadInput for a correction that makes no sense.
    """
    corrections = tuple(corrections)
    if "parts_stay_apart" in asked.off:
        hierarchy = as_kinds(hierarchy)
    labels = sorted((set(hierarchy.labels) | set(sizes)) - set(hierarchy.roots))
    check(corrections, set(labels), asked.max_classes)
    if "nameless_keep_mid" in asked.off:
        named = {made.label for made in corrections}
        corrections += tuple(
            Correction(label, "drop") for label in labels if label in asked.nameless and label not in named
        )
    grown = grow(hierarchy, sizes, labels, asked.min_size, asked.off)
    forest = apply(corrections, grown)
    wish = Wish(
        asked.max_classes,
        asked.min_size,
        asked.target,
        frozenset(made.label for made in corrections if made.action == "keep"),
        frozenset(made.label for made in corrections if made.action != "keep"),
    )
    classes, bound, reachable = _choice(forest, wish)
    held = _held(forest, classes)
    fates = _Ruling(hierarchy, forest, asked, held).fates(corrections)
    bits = entropy_bits(held.values())
    return Collapsed(fates, forest, held, bits, max(bound, bits), reachable)


def _choice(forest: Forest, wish: Wish) -> tuple[frozenset[str], float, int]:
    """The classes, the most bits that any could have, and the most examples that any could cover."""
    reachable = most_covered(forest, wish)
    program = Program(forest, Wish(wish.most, wish.least, min(wish.target, reachable), wish.kept, wish.never))
    frontier = program.run()
    path = choose(program, frontier)
    row = path[min(wish.most, len(path) - 1)] if path else -1
    classes = program.labels(frontier.chosen[row]) if row >= 0 else frozenset[str]()
    return classes, most_bits(program, frontier), reachable


def _held(forest: Forest, classes: Iterable[str]) -> dict[str, int]:
    """Examples of each class: its own, and those below it that no class further down holds."""
    held = dict.fromkeys(sorted(classes), 0)
    for label, count in forest.own.items():
        near = next((found for found in (label, *forest.line(label)) if found in held), None)
        if near is not None:
            held[near] += count
    return held


class _Ruling:
    """Says of each label what became of it, and why."""

    def __init__(self, hierarchy: Hierarchy, forest: Forest, asked: Asked, held: Mapping[str, int]) -> None:
        self.hierarchy, self.forest, self.asked, self.held = hierarchy, forest, asked, held
        self.open = {label: self.forest.own.get(label, 0) for label in forest.home}  # what no class further down holds
        for label in forest.upward:
            above = forest.home[label]
            if above is not None and label not in held:
                self.open[above] += self.open[label]

    def fates(self, corrections: Iterable[Correction]) -> dict[str, Fate]:
        """The fate of every label; those corrected by hand say so."""
        fates = {label: self._fate(label) for label in self.forest.home}
        for made in corrections:
            cls = fates[made.label].cls
            if made.action == "keep":
                fates[made.label] = Fate(made.label, "kept: by hand")
            elif made.action == "merge":
                if cls is None:
                    what = f"{made.label} cannot merge into {made.into}, which is dropped"
                    raise BadInput(what, "classes.overrides of the profile", "keep that by hand too", code="profile")
                fates[made.label] = Fate(cls, "merged: by hand")
            else:
                nameless = made.label in self.asked.nameless and "nameless_keep_mid" in self.asked.off
                fates[made.label] = Fate(None, "dropped: no description" if nameless else "dropped: by hand")
        return fates

    def _fate(self, label: str) -> Fate:
        if label in self.held:
            return Fate(label, "kept")
        cls = next((found for found in self.forest.line(label) if found in self.held), None)
        if cls is None and not self.forest.whole[label]:
            # Without examples nothing is counted anywhere: any place that has a class will do.
            cls = next((found for found in self.hierarchy.ancestors(label) if found in self.held), None)
        why = self._why(label)
        if cls is None:
            line = self.forest.line(label)
            return Fate(
                None, f"dropped: {why}, and " + ("what it rolls up into is dropped" if line else "nothing above")
            )
        places = len(self.hierarchy.parents(label))
        if places > 1:
            first = "largest_place_wins" in self.asked.off
            why += f"; of its {places} places the {'first' if first else 'larger one'}"
        return Fate(cls, f"rolled up: {why}")

    def _why(self, label: str) -> str:
        """Why a label is no class of its own."""
        if not self.forest.whole[label]:
            return "no examples"
        if self.forest.whole[label] < self.asked.min_size:
            return "too few examples"
        if not self.open[label]:
            return "all its examples are in classes below it"
        if self.open[label] < self.asked.min_size:
            return "too few examples besides the classes below it"
        if len(self.held) < self.asked.max_classes:
            return "the classes are more even without it"
        return "over the budget of classes"


def entropy_bits(sizes: Iterable[int]) -> float:
    """Entropy in bits of the distribution of examples over classes: log2(n) when all are of one size."""
    counts = [size for size in sizes if size > 0]
    total = sum(counts)
    return sum(size / total * math.log2(total / size) for size in counts) if total else 0.0
