"""Plots as inline SVG."""

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

Curve = Sequence[Mapping[str, Any]]


def training_curves(curves: Mapping[str, Curve], names: Mapping[str, str]) -> str:
    """An SVG with two panels: the loss of each model by epoch, and its first score on the tune photos.

    `names` are those of the scores, as people read them.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    for name, epochs in curves.items():
        numbers = range(1, len(epochs) + 1)
        losses.plot(numbers, [epoch["loss"] for epoch in epochs], label=name)
        score = _score_of(epochs)
        if score is not None:
            of = score.removeprefix("tune_")
            scores.plot(numbers, [epoch.get(score) for epoch in epochs], label=f"{name}: {names.get(of, of)}")
    for panel, title in ((losses, "Loss"), (scores, "On the tune photos")):
        panel.set_title(title, fontsize=11)
        panel.set_xlabel("epoch")
        panel.grid(alpha=0.3)
        panel.xaxis.get_major_locator().set_params(integer=True)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(fontsize=8, frameon=False)
    scores.set_ylim(0, 1)
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def _score_of(epochs: Curve) -> str | None:
    names = [name for name in (epochs[0] if epochs else {}) if name.startswith("tune_") and "/" not in name]
    return names[0] if names else None
