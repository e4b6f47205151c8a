"""Where each label rolls up to: one home for each, so that the hierarchy is a forest and every box counts once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

from oi_tasks.core.hierarchy import Hierarchy

Fix = Literal["parts_stay_apart", "largest_place_wins", "nameless_keep_mid"]
FIXES: tuple[Fix, ...] = get_args(Fix)


@dataclass(frozen=True)
class Forest:
    """The home of each label (None: nothing above it), and its own examples."""

    home: Mapping[str, str | None]
    own: Mapping[str, int]

    @cached_property
    def below(self) -> dict[str, list[str]]:
        """The labels whose home a label is, by MID."""
        found: dict[str, list[str]] = {label: [] for label in sorted(self.home)}
        for label in sorted(self.home):
            above = self.home[label]
            if above is not None:
                found[above].append(label)
        return found

    @cached_property
    def tops(self) -> list[str]:
        """The labels without a home, by MID."""
        return [label for label in sorted(self.home) if self.home[label] is None]

    @cached_property
    def upward(self) -> list[str]:
        """All labels, each after everything below it."""
        order, left = [], list(reversed(self.tops))
        while left:
            label = left.pop()
            order.append(label)
            left.extend(reversed(self.below[label]))
        return order[::-1]

    @cached_property
    def whole(self) -> dict[str, int]:
        """Examples of each label and of everything below it."""
        sums = {label: self.own.get(label, 0) for label in self.home}
        for label in self.upward:
            above = self.home[label]
            if above is not None:
                sums[above] += sums[label]
        return sums

    def top(self, label: str) -> str:
        """The last label of its line: what stands for its family."""
        return (label, *self.line(label))[-1]

    def line(self, label: str) -> list[str]:
        """What a label rolls up through, nearest first."""
        found: list[str] = []
        above = self.home[label]
        while above is not None:
            found.append(above)
            above = self.home[above]
        return found


def grow(
    hierarchy: Hierarchy, sizes: Mapping[str, int], labels: Sequence[str], least: int = 0, off: Iterable[Fix] = ()
) -> Forest:
    """The forest of the labels: of several parents the one with most examples below it, ties by MID.

    But where that one's whole family has fewer than `least` examples, so that none of it can be a class, and another
    parent's has more, it is the largest of those. Without the fix `largest_place_wins` it is the parent that the file
    names first.
    """
    first = _first_parents(hierarchy) if "largest_place_wins" in off else {}
    weight: dict[str, int] = {}

    def below(label: str) -> int:
        if label not in weight:
            weight[label] = sum(sizes.get(found, 0) for found in (label, *hierarchy.descendants(label)))
        return weight[label]

    places = {label: (first[label],) if label in first else hierarchy.parents(label) for label in labels}
    places = {
        label: tuple(sorted(found, key=lambda parent: (-below(parent), parent))) for label, found in places.items()
    }
    home = {label: found[0] if found else None for label, found in places.items()}
    cut_cycles(home)
    forest = Forest(home, {label: sizes.get(label, 0) for label in labels})
    return _rescued(forest, places, least)


def _rescued(forest: Forest, places: Mapping[str, Sequence[str]], least: int) -> Forest:
    """The forest in which no label stays in a family too small for a class while another family could hold it."""
    large = {top for top in forest.tops if forest.whole[top] >= least}
    moved: dict[str, str] = {}
    for label, parents in places.items():
        if len(parents) > 1 and forest.top(label) not in large:
            better = [parent for parent in parents if forest.top(parent) in large]
            if better:
                moved[label] = better[0]
    return Forest({**forest.home, **moved}, forest.own) if moved else forest


def _first_parents(hierarchy: Hierarchy) -> dict[str, str]:
    """The parent, other than the root, that a label is first met under, by MID."""
    found: dict[str, tuple[int, str]] = {}
    for edge in hierarchy.edges:
        if edge.kind == "Subcategory" and edge.parent not in hierarchy.roots:
            place = (edge.occurrence, edge.parent)
            found[edge.child] = min(found.get(edge.child, place), place)
    return {label: parent for label, (_, parent) in found.items()}


def cut_cycles(home: dict[str, str | None]) -> None:
    """Take the home from the label of the smallest MID of each cycle: a finding elsewhere, and no endless walk here."""
    done: set[str] = set()
    for start in sorted(home):
        path: list[str] = []
        at: str | None = start
        while at is not None and at not in done and at not in path:
            path.append(at)
            at = home[at]
        if at is not None and at in path:
            home[min(path[path.index(at) :])] = None
        done.update(path)


def as_kinds(hierarchy: Hierarchy) -> Hierarchy:
    """The hierarchy read with each part as a kind of its whole: what the fix `parts_stay_apart` prevents."""
    return Hierarchy(replace(edge, kind="Subcategory") for edge in hierarchy.edges)
