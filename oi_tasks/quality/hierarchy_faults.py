"""What can be wrong with a hierarchy: cycles, roots, labels out of reach or in several places, pairs of two kinds.

Each fault is told once: a label that stands in two places because of a cycle, or because one edge has both kinds, is
not counted as standing in several places too.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

from oi_tasks.core.hierarchy import KINDS, Edge, Hierarchy

MOST_CYCLES = 100
Rows = tuple[dict[str, str], ...]
Parents = dict[str, set[str]]


@dataclass(frozen=True)
class HierarchyFaults:
    """What was found; each example is a row for people."""

    edges: int
    cycles: Rows
    roots: Rows
    unreachable: Rows
    two_kinds: Rows
    several_places: Rows


def hierarchy_faults(edges: Iterable[Edge]) -> HierarchyFaults:
    """Look at all edges, of both kinds. An edge without a parent says that its child is a root."""
    edges = tuple(edges)
    joined = tuple(edge for edge in edges if edge.parent)
    kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
    parents: Parents = defaultdict(set)
    for edge in joined:
        kinds[edge.parent, edge.child].add(edge.kind)
        parents[edge.child].add(edge.parent)
    cycles = _cycles(parents)
    two_kinds = {pair: found for pair, found in sorted(kinds.items()) if len(found) > 1}
    return HierarchyFaults(
        edges=len(edges),
        cycles=tuple({"cycle": " → ".join(cycle)} for cycle in cycles),
        roots=tuple({"root": root} for root in roots_of(edges)),
        unreachable=tuple({"label": label} for label in _unreachable(Hierarchy(map(_known, joined)))),
        two_kinds=tuple(
            {"parent": parent, "child": child, "kinds": ", ".join(sorted(found))}
            for (parent, child), found in two_kinds.items()
        ),
        several_places=_several_places(_placing(joined, parents, set(two_kinds), bool(cycles))),
    )


def roots_of(edges: Iterable[Edge]) -> tuple[str, ...]:
    """Labels that are nobody's child, in order. Where a cycle leaves none, the label read first is the root."""
    edges = tuple(edges)
    joined = [edge for edge in edges if edge.parent]
    alone = {edge.child for edge in edges if not edge.parent} - {edge.child for edge in joined}
    found = {*Hierarchy(joined).roots, *alone}
    return tuple(sorted(found)) or tuple(edge.parent for edge in joined[:1])


def _placing(edges: Iterable[Edge], parents: Parents, two_kinds: set[tuple[str, str]], cyclic: bool) -> list[Edge]:
    """The edges that give their child a place of its own: not the second of two kinds, not one inside a cycle."""
    return [
        edge
        for edge in edges
        if not (edge.kind == "Part" and (edge.parent, edge.child) in two_kinds)
        and not (cyclic and edge.child in _above(edge.parent, parents))
    ]


def _above(label: str, parents: Parents) -> set[str]:
    """The label and all that it is, through others, a child of."""
    seen, left = {label}, [label]
    while left:
        for further in parents.get(left.pop(), ()):
            if further not in seen:
                seen.add(further)
                left.append(further)
    return seen


def _several_places(edges: Iterable[Edge]) -> Rows:
    times: dict[str, int] = defaultdict(int)
    parents: Parents = defaultdict(set)
    for edge in edges:
        times[edge.child] += 1
        parents[edge.child].add(edge.parent)
    return tuple(
        {"label": label, "times": str(count), "parents": ", ".join(sorted(parents[label]))}
        for label, count in sorted(times.items())
        if count > 1
    )


def _cycles(parents: Parents) -> list[list[str]]:
    """Cycles, each as its labels from parent to child, the first once more at the end.

    One is found, one of its edges taken out, and the next looked for: each cycle has an edge of its own.
    """
    graph = {child: sorted(above) for child, above in sorted(parents.items())}
    found: list[list[str]] = []
    while len(found) < MOST_CYCLES:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            cycle: list[str] = error.args[1]
            found.append(cycle)
            graph[cycle[1]] = [label for label in graph[cycle[1]] if label != cycle[0]]
        else:
            break
    return found


def _known(edge: Edge) -> Edge:
    """The edge as one of the two kinds: one of another kind is a fault of its own, and cuts nothing off."""
    return edge if edge.kind in KINDS else replace(edge, kind=KINDS[0])


def _unreachable(hierarchy: Hierarchy) -> list[str]:
    """Labels that no path from the root leads to. With several roots, or none, nobody can say from where to look."""
    if len(hierarchy.roots) != 1:
        return []
    return [label for label in hierarchy.labels if label not in hierarchy.levels and label not in hierarchy.roots]
