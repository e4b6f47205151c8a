"""The class hierarchy: edges of two kinds, kept apart.

A wheel is *part of* a car (`Part`), not *a kind of* it (`Subcategory`). A label may stand in several places.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Kind = Literal["Subcategory", "Part"]
KINDS: tuple[Kind, ...] = ("Subcategory", "Part")


@dataclass(frozen=True)
class Edge:
    """Parent and child MIDs; `depth` is the child's distance from the root in the tree; `occurrence` counts from 0
    how often the child was met before, in reading order.
    """

    kind: str
    parent: str
    child: str
    depth: int
    occurrence: int


def read_edges(tree: Mapping[str, Any]) -> Iterator[Edge]:
    """Every edge of a published hierarchy file, in reading order.

    The file nests nodes: `LabelName`, and lists of nodes under `Subcategory` and `Part`. Raises KeyError for a node
    without a LabelName and TypeError for a list that is none.
    """
    met: dict[str, int] = defaultdict(int)
    met[tree["LabelName"]] = 1
    stack: list[tuple[Mapping[str, Any], int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        below = []
        for kind in KINDS:
            for child in node.get(kind, []):
                label = child["LabelName"]
                yield Edge(kind, node["LabelName"], label, depth + 1, met[label])
                met[label] += 1
                below.append((child, depth + 1))
        stack.extend(reversed(below))


class Hierarchy:
    """The labels and what is a kind of what. Cycles and several roots are findings of validation, not errors here."""

    def __init__(self, edges: Iterable[Edge]) -> None:
        self.edges = tuple(edges)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """All MIDs, the root's too, in order."""
        return tuple(sorted({edge.parent for edge in self.edges} | {edge.child for edge in self.edges}))

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """MIDs that are nobody's child."""
        children = {edge.child for edge in self.edges}
        return tuple(label for label in self.labels if label not in children)

    @cached_property
    def _parents(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, set[str]] = defaultdict(set)
        for edge in self.edges:
            if edge.kind == "Subcategory":
                found[edge.child].add(edge.parent)
        return {label: tuple(sorted(parents)) for label, parents in found.items()}

    @cached_property
    def _children(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, set[str]] = defaultdict(set)
        for edge in self.edges:
            if edge.kind == "Subcategory":
                found[edge.parent].add(edge.child)
        return {label: tuple(sorted(children)) for label, children in found.items()}

    def parents(self, label: str) -> tuple[str, ...]:
        """What the label is directly a kind of, without the root."""
        return tuple(parent for parent in self._parents.get(label, ()) if parent not in self.roots)

    def kinds_of(self, label: str) -> tuple[str, ...]:
        """What the label is directly a kind of, the root included."""
        return self._parents.get(label, ())

    def children(self, label: str) -> tuple[str, ...]:
        """What is directly a kind of the label."""
        return self._children.get(label, ())

    @cached_property
    def _wholes(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, set[str]] = defaultdict(set)
        for edge in self.edges:
            if edge.kind == "Part":
                found[edge.child].add(edge.parent)
        return {label: tuple(sorted(wholes)) for label, wholes in found.items()}

    def wholes(self, label: str) -> tuple[str, ...]:
        """What the label is directly a part of."""
        return self._wholes.get(label, ())

    def ancestors(self, label: str) -> tuple[str, ...]:
        """All that the label is a kind of, nearest first, without the root and the label itself; ties by MID."""
        return self._walk(label, self.parents)

    def descendants(self, label: str) -> tuple[str, ...]:
        """All that is a kind of the label, nearest first, without the label itself; ties by MID."""
        return self._walk(label, self.children)

    def _walk(self, label: str, step: Any) -> tuple[str, ...]:
        seen, found, queue = {label}, [], deque([label])
        while queue:
            for further in step(queue.popleft()):
                if further not in seen:
                    seen.add(further)
                    found.append(further)
                    queue.append(further)
        return tuple(found)

    @cached_property
    def levels(self) -> dict[str, int]:
        """Level of each label: its smallest number of Subcategory edges from the root's children, which are level 0.

        A label reached through Part edges alone stands one level below the whole it is part of.
        """
        levels: dict[str, int] = {}
        for step in (self.children, self._below):
            queue = deque([*((root, -1) for root in self.roots), *levels.items()])
            while queue:
                label, level = queue.popleft()
                for child in step(label):
                    if child not in levels:
                        levels[child] = level + 1
                        queue.append((child, level + 1))
        return levels

    def _below(self, label: str) -> tuple[str, ...]:
        """What is directly a kind or a part of the label."""
        return (*self.children(label), *self._parts.get(label, ()))

    @cached_property
    def _parts(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, set[str]] = defaultdict(set)
        for edge in self.edges:
            if edge.kind == "Part":
                found[edge.parent].add(edge.child)
        return {label: tuple(sorted(parts)) for label, parts in found.items()}

    def family(self, label: str) -> tuple[str, ...]:
        """The level-0 labels that the label is a kind of, itself if it is one; empty for what is only a part."""
        line = (label, *self.ancestors(label))
        return tuple(sorted(found for found in line if self.levels.get(found) == 0 and not self.parents(found)))
