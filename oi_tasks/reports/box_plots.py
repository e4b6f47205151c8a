"""The plots of the page on masks and boxes, each as inline SVG."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oi_tasks.core.palette import series
from oi_tasks.reports import chart
from oi_tasks.reports.error_plots import ACCENT, name_points, plain_sizes

Rows = Sequence[Mapping[str, Any]]


def overlap(classes: Rows) -> str:
    """IoU of a class's masks against how many boxes it has, logarithmic; of the lowest those with room have names."""
    with chart.style():
        figure, axes = chart.figure(9, 4.5)
        boxes = [row["boxes"] for row in classes]
        axes.scatter(boxes, [row["iou"] for row in classes], s=26, color=ACCENT)
        plain_sizes(axes, min(boxes), max(boxes))
        axes.set_ylim(-0.03, 1.05)
        axes.set_xlabel("boxes of the class on the test photos (count, logarithmic)")
        axes.set_ylabel("IoU of its masks (0 to 1)")
        lowest = sorted(classes, key=lambda row: (row["iou"], row["name"]))
        name_points(axes, [(row["boxes"], row["iou"], row["name"]) for row in lowest])
        return chart.svg(figure, "IoU of the masks of each class against the number of its boxes")


def recall_by_area(areas: Rows) -> str:
    """Share of the true boxes that were found, by their size; how many there are stands above each."""
    with chart.style():
        figure, axes = chart.figure(9, 3.2)
        held = [(place, row) for place, row in enumerate(areas) if row["boxes"]]
        axes.bar([place for place, _ in held], [row["found"] / row["boxes"] for _, row in held], color=ACCENT)
        for place, row in held:
            top = (place, row["found"] / row["boxes"])
            axes.annotate(f"{row['boxes']:,}", top, ha="center", va="bottom", fontsize=9)
        names = [f"{100 * row['low']:g}-{100 * row['high']:g} %" for row in areas]
        axes.set_xticks(range(len(areas)), names, fontsize=9)
        axes.set_ylim(0, 1.08)
        axes.set_xlabel("share of the photo's area")
        axes.set_ylabel("box recall (0 to 1)")
        return chart.svg(figure, "Share of the true boxes that were found, by their size")


def precision_and_recall(curves: Rows) -> str:
    """Precision of cells against their recall, a line a cluster: means over its classes by threshold."""
    with chart.style():
        figure, axes = chart.figure(6.8, 5)
        for place, cluster in enumerate(sorted({row["cluster"] for row in curves})):
            points = []
            for threshold in sorted({row["threshold"] for row in curves}):
                own = [row for row in curves if (row["cluster"], row["threshold"]) == (cluster, threshold)]
                own = [row for row in own if row["precision"] is not None and row["recall"] is not None]
                if own:
                    points.append([np.mean([row[name] for row in own]) for name in ("recall", "precision")])
            if points:
                axes.plot(*np.array(points).T, markersize=4, linewidth=1, label=cluster, **series(place))
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.05)
        axes.set_xlabel("recall of cells (0 to 1)")
        axes.set_ylabel("precision of cells (0 to 1)")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=9, frameon=False)
        return chart.svg(figure, "Precision of the cells of masks against their recall, by cluster")
