"""Clusters: classes of one family share a segmentation model."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oi_tasks.core.hierarchy import Hierarchy


@dataclass(frozen=True)
class ClusterOfClasses:
    """A cluster before its photos are counted: the MID that gives its title, and its classes' MIDs."""

    head: str
    classes: tuple[str, ...]


def group(hierarchy: Hierarchy, boxes: Mapping[str, int]) -> list[ClusterOfClasses]:
    """Classes that have boxes, by family (the level-0 label they are a kind of); largest first, ties by MID.

    A class in several families goes to the one with most boxes. A cluster is named by what all its classes are a kind
    of, as narrowly as can be: one class names its cluster itself.
    """
    with_boxes = sorted(label for label, count in boxes.items() if count > 0)
    weight: dict[str, int] = defaultdict(int)
    for label in with_boxes:
        for family in hierarchy.family(label) or (label,):
            weight[family] += boxes[label]
    members: dict[str, list[str]] = defaultdict(list)
    for label in with_boxes:
        families = hierarchy.family(label) or (label,)
        members[min(families, key=lambda family: (-weight[family], family))].append(label)
    clusters = [
        ClusterOfClasses(_head(hierarchy, family, classes), tuple(classes)) for family, classes in members.items()
    ]
    return sorted(clusters, key=lambda cluster: (-sum(boxes[label] for label in cluster.classes), cluster.head))


def _head(hierarchy: Hierarchy, family: str, classes: Sequence[str]) -> str:
    """The deepest label that all classes are, or are a kind of; the family if there is no deeper one."""
    lines = [{label, *hierarchy.ancestors(label)} for label in classes]
    shared = set.intersection(*lines)
    return max(sorted(shared), key=lambda label: hierarchy.levels.get(label, 0), default=family)


def slug(name: str) -> str:
    """A name for addresses and model names: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"
