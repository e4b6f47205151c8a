"""The plots of the error analysis, each as inline SVG."""

from collections.abc import Sequence
from io import StringIO
from typing import Any

import numpy as np

from oi_tasks.core.calibration import Calibration
from oi_tasks.core.confusion import Floats, Trend

INK, ACCENT, ODD = "#44566c", "#0a5bbd", "#b3261e"
NAMED = 12  # classes with their name beside the point


def scatter(photos: Sequence[int], f1: Sequence[float], names: Sequence[str], line: Trend | None) -> str:
    """F1 against class size, logarithmic; the classes furthest below the trend carry their names."""
    figure, axes = blank_figure(9, 5)
    sizes, reached = np.array(photos, dtype=float), np.array(f1, dtype=float)
    shown = (sizes > 0) & ~np.isnan(reached)
    odd = shown & line.strange if line else np.zeros(len(sizes), dtype=bool)
    for which, colour, title in ((shown & ~odd, ACCENT, "classes"), (odd, ODD, "far below the trend")):
        if which.any():
            axes.scatter(sizes[which], reached[which], s=22, color=colour, alpha=0.75, label=title)
    axes.set_xscale("log")
    order = np.flatnonzero(shown)
    if line and len(order):
        ends = np.array([sizes[order].min(), sizes[order].max()])
        axes.plot(ends, [line.at(end) for end in ends], color=INK, linewidth=1, label="trend")
        order = order[np.argsort(line.residuals[order])]
    for place in order[:NAMED]:
        where = (sizes[place], reached[place])
        axes.annotate(names[place], where, xytext=(4, 3), textcoords="offset points", fontsize=8)
    axes.set_xlabel("photos of the class")
    axes.set_ylabel("F1")
    axes.set_ylim(-0.03, 1.05)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    return as_svg(figure)


def histogram(f1: Sequence[float]) -> str:
    """How many classes reach which F1."""
    figure, axes = blank_figure(9, 2.6)
    axes.hist([value for value in f1 if not np.isnan(value)], bins=np.linspace(0, 1, 21).tolist(), color=ACCENT)
    axes.set_xlabel("F1")
    axes.set_ylabel("classes")
    axes.yaxis.get_major_locator().set_params(integer=True)
    return as_svg(figure)


def reliability(curves: Calibration) -> str:
    """Share of hits against probability; what is perfectly calibrated lies on the diagonal."""
    figure, axes = blank_figure(5.5, 5)
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--")
    for curve, title, colour in (
        (curves.likeliest, "the likeliest class", ODD),
        (curves.labels, "all labels", ACCENT),
    ):
        held = curve.counts > 0
        if held.any():
            label = f"{title}: error {curve.error:.3f}"
            axes.plot(curve.said[held], curve.true[held], marker="o", markersize=4, color=colour, label=label)
    axes.set_xlabel("mean probability")
    axes.set_ylabel("share that is true")
    axes.legend(fontsize=8, frameon=False)
    return as_svg(figure)


def dendrograms(by_confusion: Floats, by_hierarchy: Floats, names: Sequence[str]) -> str:
    """Two trees of the classes, average linkage: what is taken for one another joins early; and what is kin does."""
    from scipy.cluster.hierarchy import dendrogram, linkage
    from scipy.spatial.distance import squareform

    figure, panels = blank_figure(12, max(3.0, 0.17 * len(names)), 2)
    titles = ("by what is taken for what", "by the hierarchy")
    for axes, distances, title in zip(panels, (by_confusion, by_hierarchy), titles, strict=True):
        tree = linkage(squareform(distances, checks=False), "average")
        dendrogram(tree, labels=list(names), orientation="right", ax=axes, leaf_font_size=7, color_threshold=0)
        axes.set_title(title, fontsize=10)
        axes.grid(False)
    return as_svg(figure)


def agreement(by_confusion: Floats, by_hierarchy: Floats) -> float | None:
    """Spearman's rank correlation of the two distances over all pairs of classes; None where one does not vary."""
    from scipy.stats import spearmanr

    places = np.triu_indices(len(by_confusion), 1)
    one, other = by_confusion[places], by_hierarchy[places]
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(spearmanr(one, other).statistic)


def blank_figure(width: float, height: float, panels: int = 1) -> tuple[Any, Any]:
    """A figure of so many inches and its axes, with a grid."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, panels)
    for one in np.atleast_1d(axes):
        one.grid(alpha=0.3)
    return figure, axes


def as_svg(figure: Any) -> str:
    """The figure as inline SVG."""
    from matplotlib import rc_context

    text = StringIO()
    with rc_context({"svg.hashsalt": "oi"}):  # equal plots are equal bytes
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
