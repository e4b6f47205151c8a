"""The page of the hierarchy: all labels as a tree with their boxes, to search through; and what was found in it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oi_tasks.core.hierarchy import Hierarchy
from oi_tasks.core.homes import Forest
from oi_tasks.reports.hierarchy_findings import hierarchy_findings
from oi_tasks.reports.page import render

ROW, STEP, FIRST, MARGIN, TEXT = 18, 270, 70, 14, 300  # pixels: a leaf's height, a level's width, the first's, …
LETTER = 7.4  # pixels of a letter at 13 pixels, about


@dataclass(frozen=True)
class Node:
    """A label drawn: its place in pixels, and where the line to it starts, behind its parent's text or at the root."""

    label: str
    name: str
    x: float
    y: float
    parent: tuple[float, float]
    radius: float
    boxes: int
    below: int
    fate: str
    leaf: bool


@dataclass(frozen=True)
class Drawing:
    """The tree: its size in pixels, its nodes, and the root's place."""

    width: float
    height: float
    root: tuple[float, float]
    nodes: tuple[Node, ...]


def hierarchy_page(
    hierarchy: Hierarchy,
    names: Mapping[str, str],
    forest: Forest,
    labels: Mapping[str, Mapping[str, Any]],
    unit: str = "boxes",
) -> str:
    """The page, as self-contained HTML. `labels` is the class map's: what became of each label."""
    used = [label for label, count in forest.own.items() if count]
    findings = hierarchy_findings(hierarchy, names, used)
    return render(
        "hierarchy.html.j2",
        drawing=draw(names, forest, labels),
        findings=findings,
        names=names,
        unit=unit,
        labels=len(hierarchy.labels),
        nodes=len(hierarchy.edges) + 1,
        places=len({edge.child for edge in hierarchy.edges if edge.occurrence}),
        parts=len({(edge.parent, edge.child) for edge in hierarchy.edges if edge.kind == "Part"}),
        total=sum(forest.own.values()),
    )


def draw(names: Mapping[str, str], forest: Forest, labels: Mapping[str, Mapping[str, Any]]) -> Drawing:
    """Each label once, where it rolls up to: leaves below each other, every other label in the middle of its own."""
    by_size = {label: (-forest.whole[label], names.get(label, label), label) for label in forest.home}
    heights: dict[str, float] = {}
    row = 0
    left = sorted(forest.tops, key=by_size.__getitem__, reverse=True)
    order: list[str] = []
    while left:
        label = left.pop()
        order.append(label)
        children = sorted(forest.below[label], key=by_size.__getitem__, reverse=True)
        left += children
        if not children:
            heights[label] = MARGIN + ROW * (row + 0.5)
            row += 1
    for label in reversed(order):
        if label not in heights:
            below = [heights[child] for child in forest.below[label]]
            heights[label] = (min(below) + max(below)) / 2
    depth = {label: len(forest.line(label)) for label in order}
    height = row * ROW + 2 * MARGIN
    root = (MARGIN, height / 2)
    most = max([*forest.whole.values(), 1])
    at = {label: (MARGIN + FIRST + STEP * depth[label], heights[label]) for label in order}
    behind = {label: (at[label][0] + _room(names.get(label, label), forest, label), at[label][1]) for label in order}
    nodes = []
    for label in order:
        home = forest.home[label]
        nodes.append(
            Node(
                label,
                names.get(label, label),
                *at[label],
                behind[home] if home is not None else root,
                2 + 6 * math.sqrt(forest.whole[label] / most),
                forest.own.get(label, 0),
                forest.whole[label],
                fate(label, labels),
                not forest.below[label],
            )
        )
    width = MARGIN + FIRST + STEP * max(depth.values(), default=0) + TEXT
    return Drawing(width, height, root, tuple(nodes))


def _room(name: str, forest: Forest, label: str) -> float:
    """Pixels from a node's middle past its text, about; at most up to the next level."""
    text = f"{name} {forest.own.get(label, 0):,} · {forest.whole[label]:,}"
    return min(16 + LETTER * len(text), STEP - 20)


def fate(label: str, labels: Mapping[str, Mapping[str, Any]]) -> str:
    """What became of a label, in a word: kept, up, dropped."""
    found = labels.get(label, {}).get("class")
    if found is None:
        return "dropped"
    return "kept" if found == label else "up"
