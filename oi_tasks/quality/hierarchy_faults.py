"""What can be wrong with a hierarchy: cycles, roots, labels out of reach or in several places, pairs of two kinds."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from oi_tasks.core.hierarchy import Edge, Hierarchy

MOST_CYCLES = 100


@dataclass(frozen=True)
class HierarchyFaults:
    """What was found; each example is a row for people."""

    cycles: tuple[dict[str, str], ...]
    roots: tuple[dict[str, str], ...]
    unreachable: tuple[dict[str, str], ...]
    two_kinds: tuple[dict[str, str], ...]
    several_places: tuple[dict[str, str], ...]


def hierarchy_faults(edges: Iterable[Edge]) -> HierarchyFaults:
    """Look at all edges, of both kinds."""
    edges = tuple(edges)
    kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
    parents: dict[str, set[str]] = defaultdict(set)
    times: dict[str, int] = defaultdict(int)
    for edge in edges:
        kinds[edge.parent, edge.child].add(edge.kind)
        parents[edge.child].add(edge.parent)
        times[edge.child] = max(times[edge.child], edge.occurrence + 1)
    hierarchy = Hierarchy(edges)
    return HierarchyFaults(
        cycles=tuple({"cycle": " → ".join(cycle)} for cycle in _cycles(parents)),
        roots=tuple({"root": root} for root in hierarchy.roots),
        unreachable=tuple({"label": label} for label in _unreachable(hierarchy)),
        two_kinds=tuple(
            {"parent": parent, "child": child, "kinds": ", ".join(sorted(found))}
            for (parent, child), found in sorted(kinds.items())
            if len(found) > 1
        ),
        several_places=tuple(
            {"label": label, "times": str(count), "parents": ", ".join(sorted(parents[label]))}
            for label, count in sorted(times.items())
            if count > 1
        ),
    )


def _cycles(parents: dict[str, set[str]]) -> list[list[str]]:
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


def _unreachable(hierarchy: Hierarchy) -> list[str]:
    """Labels that no path from the root leads to. With several roots, or none, nobody can say from where to look."""
    if len(hierarchy.roots) != 1:
        return []
    return [label for label in hierarchy.labels if label not in hierarchy.levels and label not in hierarchy.roots]
