"""The page of the classes: what became of each label, what the classes cover, and which share a model."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oi_tasks.reports.page import render, share

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 300, 56, 40, 16  # pixels of the curve


@dataclass(frozen=True)
class ClassesChosen:
    """What the page tells.

    `classes`: label, name, level, boxes, cluster; `labels`: class and rule by MID; `clusters`: title, classes, human,
    and a note. `own`: examples of each label, in `unit`; `total`: all examples; `covered`: shares by what they are of.
    """

    classes: Sequence[Mapping[str, Any]]
    labels: Mapping[str, Mapping[str, Any]]
    clusters: Sequence[Mapping[str, Any]]
    names: Mapping[str, str]
    levels: Mapping[str, int]
    own: Mapping[str, int]
    total: int
    covered: Mapping[str, float]
    bits: float
    bound: float
    unit: str = "boxes"


def classes_page(chosen: ClassesChosen) -> str:
    """The page, as self-contained HTML."""
    classes = sorted(chosen.classes, key=lambda row: (-row[chosen.unit], row["label"]))
    return render(
        "classes.html.j2",
        chosen=chosen,
        classes=classes,
        sentence=sentence(chosen),
        even=math.log2(len(classes)) if classes else 0.0,
        by_level=by_level(chosen),
        curve=curve([row[chosen.unit] for row in classes], chosen.total),
        fates=fates(chosen),
        outcomes=Counter(fate["rule"].split(":")[0] for fate in chosen.labels.values()),
        most=max((row[chosen.unit] for row in classes), default=1) or 1,
        clusters=sorted(chosen.clusters, key=lambda cluster: not cluster["human"]),
        counted=counted(chosen.clusters),
        name=lambda label: chosen.names.get(label, label),
    )


def sentence(chosen: ClassesChosen) -> str:
    """What was chosen, in a sentence."""
    gap = chosen.bound - chosen.bits
    best = "no choice is more even" if gap < 5e-5 else f"the most even choice has at most {gap:.3f} bits more"
    return (
        f"{len(chosen.classes)} classes cover {share(chosen.covered[chosen.unit])} of {chosen.total:,} {chosen.unit},"
        f" at {chosen.bits:.3f} bits; {best} that covers what was asked."
    )


def counted(clusters: Sequence[Mapping[str, Any]]) -> str:
    """How many clusters have a model, and how many are left out: `3, and 1 left out`; a note tells why one is."""
    left_out = sum(bool(cluster["note"]) for cluster in clusters)
    return f"{len(clusters) - left_out:,}" + (f", and {left_out:,} left out" if left_out else "")


def by_level(chosen: ClassesChosen) -> list[dict[str, Any]]:
    """Classes and their examples by level, and what they cover."""
    rows = []
    for level in sorted({row["level"] for row in chosen.classes}):
        here = [row[chosen.unit] for row in chosen.classes if row["level"] == level]
        of_all = sum(here) / chosen.total if chosen.total else 0.0
        rows.append({"level": level, "classes": len(here), "examples": sum(here), "share": of_all})
    return rows


def fates(chosen: ClassesChosen) -> list[dict[str, Any]]:
    """One row a label, those with most examples first."""
    return [
        {
            "label": label,
            "name": chosen.names.get(label, label),
            "level": chosen.levels.get(label),
            "own": chosen.own.get(label, 0),
            "class": chosen.names.get(fate["class"], fate["class"]) if fate["class"] else None,
            "rule": fate["rule"],
        }
        for label, fate in sorted(chosen.labels.items(), key=lambda found: (-chosen.own.get(found[0], 0), found[0]))
    ]


def curve(sizes: Sequence[int], total: int) -> dict[str, Any]:
    """The cumulative curve: share of all examples that the largest classes cover, as points in pixels."""
    points, covered = [(float(LEFT), float(HEIGHT - BOTTOM))], 0
    for place, size in enumerate(sizes, 1):
        covered += size
        x = LEFT + (WIDTH - LEFT - TOP) * place / len(sizes)
        points.append((x, HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (covered / total if total else 0)))
    steps = sorted({1, *range(10, len(sizes), 10), len(sizes)}) if sizes else []
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "line": " ".join(f"{x:.1f},{y:.1f}" for x, y in points),
        "points": points[1:],
        "y_ticks": [(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * step / 4, f"{25 * step} %") for step in range(5)],
        "x_ticks": [(LEFT + (WIDTH - LEFT - TOP) * step / len(sizes), str(step)) for step in steps],
        "left": LEFT,
        "right": WIDTH - TOP,
        "bottom": HEIGHT - BOTTOM,
    }
