"""The plots of the error analysis, each as inline SVG."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from oi_tasks.core.calibration import Calibration
from oi_tasks.core.confusion import Floats, Trend
from oi_tasks.core.palette import LIGHT
from oi_tasks.reports import chart

ACCENT, ODD = LIGHT["blue"], LIGHT["orange"]
NAMED = 12  # classes with their name beside the point, where there is room
ROOM = 1.45  # times as far as the smallest and the largest class: so at least one number stands on the axis
BESIDE = ((6, 4, "left"), (6, -11, "left"), (-6, 4, "right"), (-6, -11, "right"))  # points from the mark to its name


def scatter(photos: Sequence[int], f1: Sequence[float], names: Sequence[str], line: Trend | None) -> str:
    """F1 against class size, logarithmic; of the classes furthest below the trend those with room carry their names."""
    with chart.style():
        figure, axes = chart.figure(9, 5)
        sizes, reached = np.array(photos, dtype=float), np.array(f1, dtype=float)
        shown = (sizes > 0) & ~np.isnan(reached)
        odd = shown & line.strange if line else np.zeros(len(sizes), dtype=bool)
        for which, colour, mark, title in (
            (shown & ~odd, ACCENT, "o", "a class"),
            (odd, ODD, "s", "a class far below the trend"),
        ):
            if which.any():
                axes.scatter(sizes[which], reached[which], s=26, color=colour, marker=mark, label=title)
        order = np.flatnonzero(shown)
        if len(order):
            plain_sizes(axes, sizes[order].min(), sizes[order].max())
        if line and len(order):
            ends = np.array([sizes[order].min(), sizes[order].max()])
            axes.plot(ends, [line.at(end) for end in ends], color=chart.INK, linewidth=1, label="trend")
            order = order[np.argsort(line.residuals[order])]
        axes.set_xlabel("photos of the class (count, logarithmic)")
        axes.set_ylabel("F1 (0 to 1)")
        axes.set_ylim(-0.06, 1.05)
        figure.legend(loc="outside upper right", ncols=3, fontsize=9, frameon=False)
        name_points(axes, [(sizes[place], reached[place], names[int(place)]) for place in order])
        return chart.svg(figure, "F1 of each class against the number of its photos")


def plain_sizes(axes: Any, least: float, most: float) -> None:
    """A logarithmic axis with numbers as people write them: 1, 2, 5, 10, … or each digit where the sizes are close."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_xlim(least / ROOM, most * ROOM)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if most > 4 * least else range(1, 10), numticks=99))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else ""))
    axes.xaxis.set_minor_formatter(NullFormatter())


def name_points(axes: Any, points: Sequence[tuple[float, float, str]]) -> None:
    """Write names beside their points where they cover neither another name nor the frame; the table has them all."""
    axes.figure.draw_without_rendering()  # only now it is known where a point lies
    frame = axes.get_window_extent()
    taken: list[Any] = []
    for x, y, name in points[:NAMED]:
        for right, up, side in BESIDE:
            text = axes.annotate(
                name, (x, y), xytext=(right, up), textcoords="offset points", fontsize=9, ha=side, in_layout=False
            )
            box = text.get_window_extent()
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()


def histogram(f1: Sequence[float]) -> str:
    """How many classes reach which F1."""
    with chart.style():
        figure, axes = chart.figure(9, 2.6)
        axes.hist([value for value in f1 if not np.isnan(value)], bins=np.linspace(0, 1, 21).tolist(), color=ACCENT)
        axes.set_xlabel("F1 (0 to 1)")
        axes.set_ylabel("classes (count)")
        axes.yaxis.get_major_locator().set_params(integer=True)
        return chart.svg(figure, "How many classes reach which F1")


def reliability(curves: Calibration) -> str:
    """Share of hits against probability; what is perfectly calibrated lies on the diagonal."""
    with chart.style():
        figure, axes = chart.figure(6.8, 5)
        axes.plot([0, 1], [0, 1], color=chart.INK, linewidth=1, linestyle=":", label="perfectly calibrated")
        for curve, title, colour, mark, dash in (
            (curves.likeliest, "the likeliest class", ODD, "s", "--"),
            (curves.labels, "all labels", ACCENT, "o", "-"),
        ):
            held = curve.counts > 0
            if held.any():
                label = f"{title}: error {curve.error:.3f}"
                look = {"color": colour, "marker": mark, "linestyle": dash, "markersize": 4.5}
                axes.plot(curve.said[held], curve.true[held], label=label, **look)
        axes.set_xlabel("mean probability that was said (0 to 1)")
        axes.set_ylabel("share that is true (0 to 1)")
        axes.legend(fontsize=9, frameon=False)
        return chart.svg(figure, "The share of what is true against the probability that was said")


def dendrograms(by_confusion: Floats, by_hierarchy: Floats, names: Sequence[str]) -> str:
    """Two trees of the classes, average linkage: what is taken for one another joins early; and what is kin does."""
    from scipy.cluster.hierarchy import dendrogram, linkage
    from scipy.spatial.distance import squareform

    with chart.style():
        figure, panels = chart.figure(11, max(3.0, 0.19 * len(names)), 2)
        titles = ("by what is taken for what", "by the hierarchy")
        for axes, distances, title in zip(panels, (by_confusion, by_hierarchy), titles, strict=True):
            tree = linkage(squareform(distances, checks=False), "average")
            look = {"color_threshold": 0, "above_threshold_color": ACCENT, "leaf_font_size": 8}
            dendrogram(tree, labels=list(names), orientation="right", ax=axes, **look)
            axes.set_title(title, fontsize=11)
            axes.set_xlabel("distance (0 to 1)")
            axes.grid(False)
        return chart.svg(figure, "Two trees of the classes: by what is taken for what, and by the hierarchy")


def agreement(by_confusion: Floats, by_hierarchy: Floats) -> float | None:
    """Spearman's rank correlation of the two distances over all pairs of classes; None where one does not vary."""
    from scipy.stats import spearmanr

    places = np.triu_indices(len(by_confusion), 1)
    one, other = by_confusion[places], by_hierarchy[places]
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(spearmanr(one, other).statistic)
