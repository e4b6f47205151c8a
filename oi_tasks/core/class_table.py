"""Classes as a document: what a class map and the command say of them."""

from collections.abc import Mapping
from typing import Any

from oi_tasks.core.clusters import group, slug
from oi_tasks.core.collapse import Collapsed
from oi_tasks.core.hierarchy import Hierarchy


def class_document(
    hierarchy: Hierarchy, names: Mapping[str, str], done: Collapsed, total: int, most_in_cluster: int
) -> dict[str, Any]:
    """The classes, largest first; each label's class and the rule that decided; coverage of `total` boxes; bits."""
    clusters = group(hierarchy, done.sizes, most_in_cluster)
    home = {label: slug(names.get(found.head, found.head)) for found in clusters for label in found.classes}
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
