"""Clusters: classes that share a segmentation model, by the hierarchy and by what is seen together."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from oi_tasks.core.hierarchy import Hierarchy

PERSON, CLOTHING = "/m/01g317", "/m/09j2d"


@dataclass(frozen=True)
class ClusterOfClasses:
    """A cluster before its photos are counted: the MID that gives its title, and its classes' MIDs."""

    head: str
    classes: tuple[str, ...]


def group(hierarchy: Hierarchy, boxes: Mapping[str, int], most: int | None = None) -> list[ClusterOfClasses]:
    """Classes that have boxes, by family (the level-0 label they are a kind of); largest first, ties by MID.

    A class in several families goes to the one with most boxes. A cluster is named by what all its classes are a kind
    of, as narrowly as can be: one class names its cluster itself. With a limit of classes, the parts of a person are a
    cluster of their own, and a cluster beyond the limit is parted by what its classes are, one level further down.
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
    clusters = [ClusterOfClasses(_head(hierarchy, family, found), tuple(found)) for family, found in members.items()]
    if most is not None:
        clusters = [part for cluster in clusters for part in _parted(hierarchy, cluster, most)]
        clusters = _body(hierarchy, clusters, most)
    return _by_size(clusters, boxes)


def with_company(
    clusters: Sequence[ClusterOfClasses],
    photos: Mapping[str, int],
    together: Mapping[tuple[str, str], int],
    least: int,
    most: int,
) -> list[ClusterOfClasses]:
    """Clusters with fewer than `least` photos go to the one that they are seen with, smallest first, ties by MID.

    `photos` counts the photos of each cluster, by its head; `together` those of two. A cluster goes only where at least
    half of its photos show the other too, and where `most` classes are not exceeded.
    """
    found = {cluster.head: list(cluster.classes) for cluster in clusters}
    for head in sorted(found, key=lambda head: (photos.get(head, 0), head)):
        if photos.get(head, 0) >= least:
            continue
        company = [
            (-together.get((head, other), 0), other)
            for other in found
            if other != head
            and 2 * together.get((head, other), 0) >= max(1, photos.get(head, 0))
            and len(found[other]) + len(found[head]) <= most
        ]
        if company:
            found[min(company)[1]] += found.pop(head)
    return [ClusterOfClasses(head, tuple(sorted(classes))) for head, classes in found.items()]


def _by_size(clusters: Iterable[ClusterOfClasses], boxes: Mapping[str, int]) -> list[ClusterOfClasses]:
    return sorted(clusters, key=lambda cluster: (-sum(boxes[label] for label in cluster.classes), cluster.head))


def _parted(hierarchy: Hierarchy, cluster: ClusterOfClasses, most: int) -> list[ClusterOfClasses]:
    """A cluster as it is, or its branches, each within the limit where there are branches."""
    if len(cluster.classes) <= most:
        return [cluster]
    branches: dict[str, list[str]] = defaultdict(list)
    for label in cluster.classes:
        line = [found for found in (label, *hierarchy.ancestors(label)) if cluster.head in hierarchy.parents(found)]
        branches[line[0] if line else cluster.head].append(label)
    if len(branches) == 1:
        return [ClusterOfClasses(labels[0], tuple(labels)) for labels in _slices(cluster.classes, most)]
    rest = branches.pop(cluster.head, [])
    parts: list[ClusterOfClasses] = []
    for head, labels in sorted(branches.items()):
        if len(labels) > 1:
            parts += _parted(hierarchy, ClusterOfClasses(_head(hierarchy, head, labels), tuple(labels)), most)
        else:
            rest += labels
    left = [ClusterOfClasses(cluster.head, tuple(sorted(rest)))] if rest else []
    if len(rest) > most:
        left = [ClusterOfClasses(labels[0], tuple(labels)) for labels in _slices(sorted(rest), most)]
    return parts + left


def _slices(labels: Sequence[str], most: int) -> list[Sequence[str]]:
    return [labels[start : start + most] for start in range(0, len(labels), most)]


def _body(hierarchy: Hierarchy, clusters: Sequence[ClusterOfClasses], most: int) -> list[ClusterOfClasses]:
    """The clusters that are nothing but parts of a person as one, named by the part that all of them are part of.

    Only a person's: the published hierarchy also calls microphones and weapons parts of a building.
    """
    wholes = {cluster.head: [_wholes(hierarchy, label) for label in cluster.classes] for cluster in clusters}
    parts = [cluster for cluster in clusters if all(PERSON in found for found in wholes[cluster.head])]
    labels = sorted(label for cluster in parts for label in cluster.classes)
    if len(parts) < 2:
        return list(clusters)
    shared = set.intersection(*(found for cluster in parts for found in wholes[cluster.head]))
    head = max(sorted(shared), key=lambda label: len(_wholes(hierarchy, label)))
    heads = [head, *labels[most::most]]
    body = [ClusterOfClasses(first, tuple(some)) for first, some in zip(heads, _slices(labels, most), strict=True)]
    return [cluster for cluster in clusters if cluster not in parts] + body


def _wholes(hierarchy: Hierarchy, label: str) -> set[str]:
    """All that the label, or what it is a kind of, is part of, directly or as part of a part."""
    wholes: set[str] = set()
    left = [label, *hierarchy.ancestors(label)]
    while left:
        child = left.pop()
        for whole in hierarchy.wholes(child):
            if whole not in wholes:
                wholes.add(whole)
                left += [whole, *hierarchy.ancestors(whole)]
    return wholes


def human(hierarchy: Hierarchy, labels: Iterable[str]) -> set[str]:
    """The labels that are persons, clothing, or part of a person: known to be hard, and so kept in sight."""
    found = set()
    for label in labels:
        line = {label, *hierarchy.ancestors(label)}
        if line & {PERSON, CLOTHING} or PERSON in _wholes(hierarchy, label):
            found.add(label)
    return found


def _head(hierarchy: Hierarchy, family: str, classes: Sequence[str]) -> str:
    """The deepest label that all classes are, or are a kind of; the family if there is no deeper one."""
    lines = [{label, *hierarchy.ancestors(label)} for label in classes]
    shared = set.intersection(*lines)
    return max(sorted(shared), key=lambda label: hierarchy.levels.get(label, 0), default=family)


def slug(name: str) -> str:
    """A name for addresses and model names: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"


def slugs(clusters: Iterable[ClusterOfClasses], names: Mapping[str, str]) -> dict[str, str]:
    """A slug for each cluster, by its head: of the head's name, and of its MID as well where two would be one.

    As they may be where names are in another script than Latin, or differ in signs alone.
    """
    plain = {cluster.head: slug(names.get(cluster.head, cluster.head)) for cluster in clusters}
    often = Counter(plain.values())
    return {head: name if often[name] == 1 else f"{name}-{slug(head)}" for head, name in plain.items()}
