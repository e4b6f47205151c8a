"""The plots of the page on masks and boxes, each as inline SVG."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oi_tasks.reports.error_plots import ACCENT, NAMED, as_svg, blank_figure

Rows = Sequence[Mapping[str, Any]]


def overlap(classes: Rows) -> str:
    """IoU of a class's masks against how many boxes it has, logarithmic; the lowest carry their names."""
    figure, axes = blank_figure(9, 4.5)
    axes.scatter([row["boxes"] for row in classes], [row["iou"] for row in classes], s=22, color=ACCENT, alpha=0.75)
    for row in sorted(classes, key=lambda row: (row["iou"], row["name"]))[:NAMED]:
        where = (row["boxes"], row["iou"])
        axes.annotate(row["name"], where, xytext=(4, 3), textcoords="offset points", fontsize=8)
    axes.set_xscale("log")
    axes.set_ylim(-0.03, 1.05)
    axes.set_xlabel("boxes of the class on the test photos")
    axes.set_ylabel("IoU of its masks")
    return as_svg(figure)


def recall_by_area(areas: Rows) -> str:
    """Share of the true boxes that were found, by their size; how many there are stands above each."""
    figure, axes = blank_figure(9, 3.2)
    held = [(place, row) for place, row in enumerate(areas) if row["boxes"]]
    axes.bar([place for place, _ in held], [row["found"] / row["boxes"] for _, row in held], color=ACCENT)
    for place, row in held:
        axes.annotate(f"{row['boxes']:,}", (place, row["found"] / row["boxes"]), ha="center", va="bottom", fontsize=8)
    axes.set_xticks(range(len(areas)), [f"{100 * row['low']:g}-{100 * row['high']:g} %" for row in areas], fontsize=8)
    axes.set_ylim(0, 1.08)
    axes.set_xlabel("share of the photo's area")
    axes.set_ylabel("box recall")
    return as_svg(figure)


def precision_and_recall(curves: Rows) -> str:
    """Precision of cells against their recall, a line a cluster: means over its classes by threshold."""
    figure, axes = blank_figure(6.5, 5)
    for cluster in sorted({row["cluster"] for row in curves}):
        points = []
        for threshold in sorted({row["threshold"] for row in curves}):
            own = [row for row in curves if (row["cluster"], row["threshold"]) == (cluster, threshold)]
            own = [row for row in own if row["precision"] is not None and row["recall"] is not None]
            if own:
                points.append([np.mean([row[name] for row in own]) for name in ("recall", "precision")])
        if points:
            axes.plot(*np.array(points).T, marker="o", markersize=3, linewidth=1, label=cluster)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.05)
    axes.set_xlabel("recall of cells")
    axes.set_ylabel("precision of cells")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False)
    return as_svg(figure)
