"""The plot of the trainings."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from oi_tasks.core.palette import series
from oi_tasks.reports import chart

Curve = Sequence[Mapping[str, Any]]
COLUMNS = 5  # names in a row of the legend


def training_curves(curves: Mapping[str, Curve], names: Mapping[str, str]) -> str:
    """An SVG with two panels: the loss of each model by epoch, and its first score on the tune photos.

    `names` are those of the scores, as people read them.
    """
    with chart.style():
        figure, (losses, scores) = chart.figure(9, 3.1 + 0.2 * ceil(len(curves) / COLUMNS), 2)
        shown = []
        for place, (name, epochs) in enumerate(curves.items()):
            numbers, look = range(1, len(epochs) + 1), {**series(place), "markersize": 4.5, "linewidth": 1.6}
            losses.plot(numbers, [epoch["loss"] for epoch in epochs], label=name, **look)
            score = _score_of(epochs)
            if score is not None:
                scores.plot(numbers, [epoch.get(score) for epoch in epochs], **look)
                of = score.removeprefix("tune_")
                shown.append(names.get(of, of))
        longest = max([len(epochs) for epochs in curves.values()] or [1])
        for panel, title in ((losses, "loss (no unit)"), (scores, f"{' or '.join(dict.fromkeys(shown))} (0 to 1)")):
            panel.set_ylabel(title)
            panel.set_xlabel("epoch (count)")
            panel.set_xlim(0.5, max(1, longest) + 0.5)
            panel.xaxis.get_major_locator().set_params(integer=True)
        losses.set_title("Loss in training", fontsize=11)
        scores.set_title("Score on the tune photos", fontsize=11)
        losses.set_ylim(bottom=0)
        scores.set_ylim(-0.03, 1.03)
        figure.legend(loc="outside lower center", ncols=COLUMNS, fontsize=9, frameon=False)
        return chart.svg(figure, "The loss of each model by epoch, and its score on the tune photos")


def _score_of(epochs: Curve) -> str | None:
    names = [name for name in (epochs[0] if epochs else {}) if name.startswith("tune_") and "/" not in name]
    return names[0] if names else None
