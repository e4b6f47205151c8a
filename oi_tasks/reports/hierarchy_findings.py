"""What is worth knowing of a hierarchy and its descriptions, by the codes that validation uses."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from oi_tasks.core.hierarchy import Hierarchy
from oi_tasks.quality.hierarchy_faults import hierarchy_faults

MOST_PATHS = 12


@dataclass(frozen=True)
class HierarchyFinding:
    """A finding: its code, what it is, what was done about it, and the labels, each with where or why."""

    code: str
    what: str
    done: str
    rows: tuple[tuple[str, str], ...]


def hierarchy_findings(
    hierarchy: Hierarchy, names: Mapping[str, str], used: Collection[str] = ()
) -> list[HierarchyFinding]:
    """The findings, those that are never fine first; nothing is said of what was not found.

    `used`: further labels in use, such as those that have boxes. Rows are (MID, detail).
    """
    faults = hierarchy_faults(hierarchy.edges)
    labels = set(hierarchy.labels)
    known = labels | set(used)
    by_name: dict[str, list[str]] = defaultdict(list)
    for label, name in sorted(names.items()):
        by_name[name.casefold()].append(label)
    found = [
        HierarchyFinding("no_hierarchy", "No label at all", "", () if hierarchy.edges else (("", "no edge"),)),
        HierarchyFinding(
            "hierarchy_cycle",
            "Labels that are their own ancestors",
            "The cycle is cut at the label of the smallest MID.",
            tuple((fault["cycle"].split(" ")[0], fault["cycle"]) for fault in faults.cycles),
        ),
        HierarchyFinding(
            "hierarchy_roots",
            "Several roots, or none",
            "Each root is taken as one.",
            tuple((fault["root"], "root") for fault in faults.roots) if len(faults.roots) != 1 else (),
        ),
        HierarchyFinding(
            "label_unreachable",
            "Labels that no path from the root leads to",
            "They are classes of their own, or dropped.",
            tuple((fault["label"], "") for fault in faults.unreachable),
        ),
        HierarchyFinding(
            "label_outside",
            "Labels with boxes that the hierarchy does not know",
            "They are classes of their own, or dropped.",
            tuple((label, "") for label in sorted(set(used) - labels)),
        ),
        HierarchyFinding(
            "edge_two_kinds",
            "Labels both a kind and a part of the same label",
            "They roll up as a kind.",
            tuple((fault["child"], f"of {names.get(fault['parent'], fault['parent'])}") for fault in faults.two_kinds),
        ),
        HierarchyFinding(
            "label_undescribed",
            "Labels without a description",
            "They keep their MID as a name.",
            tuple((label, "") for label in sorted(known - set(names))),
        ),
        HierarchyFinding(
            "name_twice",
            "Names of several labels",
            "They stay apart; MIDs tell them from each other.",
            tuple((label, name) for name, several in sorted(by_name.items()) if len(several) > 1 for label in several),
        ),
        HierarchyFinding(
            "description_unused",
            "Descriptions of labels that are nowhere used",
            "They are left alone.",
            tuple((label, names[label]) for label in sorted(set(names) - known)),
        ),
        HierarchyFinding(
            "label_in_several_places",
            "Labels in several places",
            "Each rolls up through one of them: the one with most examples below it.",
            tuple((fault["label"], _places(hierarchy, names, fault["label"])) for fault in faults.several_places),
        ),
    ]
    return [finding for finding in found if finding.rows]


def _places(hierarchy: Hierarchy, names: Mapping[str, str], label: str) -> str:
    found = paths(hierarchy, label)
    told = [
        " ".join(names.get(step, step) if step not in ("›", "∋") else step for step in path)
        for path in found[:MOST_PATHS]
    ]
    return "; ".join(told) + (f"; and {len(found) - MOST_PATHS} more" if len(found) > MOST_PATHS else "")


def paths(hierarchy: Hierarchy, label: str) -> list[tuple[str, ...]]:
    """Every way from the top to a label, as MIDs with a sign between: › for a kind of it, ∋ for a part of it."""
    found: list[tuple[str, ...]] = []
    left: list[tuple[str, ...]] = [(label,)]
    while left:
        path = left.pop()
        above = [
            *((parent, "›") for parent in hierarchy.kinds_of(path[0])),
            *((w, "∋") for w in hierarchy.wholes(path[0])),
        ]
        further = [step for step in above if step[0] not in path]
        ends = any(parent in hierarchy.roots for parent, _ in further) or not further
        if ends:
            found.append(path)
        left += [(*step, *path) for step in further if step[0] not in hierarchy.roots]
    return sorted(found)
