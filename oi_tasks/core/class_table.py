"""Classes as a document: what a class map and the command say of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from oi_tasks.core.clusters import group, human, slug, slugs
from oi_tasks.core.collapse import Collapsed
from oi_tasks.core.hierarchy import Hierarchy


def class_document(
    hierarchy: Hierarchy, names: Mapping[str, str], done: Collapsed, total: int, most_in_cluster: int
) -> dict[str, Any]:
    """The classes, largest first; each label's class and the rule that decided; coverage of `total` boxes; bits."""
    clusters = group(hierarchy, done.sizes, most_in_cluster)
    called = slugs(clusters, names)
    home = {label: called[found.head] for found in clusters for label in found.classes}
    return {
        "classes": [
            {
                "label": label,
                "name": names.get(label, label),
                "level": hierarchy.levels.get(label, 0),
                "boxes": boxes,
                "cluster": home.get(label),
            }
            for label, boxes in sorted(done.sizes.items(), key=lambda found: (-found[1], found[0]))
        ],
        "labels": {label: {"class": fate.cls, "rule": fate.rule} for label, fate in sorted(done.fates.items())},
        "coverage": round(done.covered / total, 6) if total else 0.0,
        "bits": round(done.bits, 6),
        "bound": round(done.bound, 6),
    }


def clusters_for_people(
    hierarchy: Hierarchy, names: Mapping[str, str], classes: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The clusters that the classes name, in their order: title, classes, whether they are of people, and a note."""
    held: dict[str, list[str]] = {}
    for row in classes:
        if row["cluster"]:
            held.setdefault(row["cluster"], []).append(row["label"])
    titles = {slug(name): name for _, name in sorted(names.items())}
    people = human(hierarchy, [row["label"] for row in classes])
    return [
        {"title": titles.get(name, name), "classes": labels, "human": people.issuperset(labels), "note": ""}
        for name, labels in held.items()
    ]
