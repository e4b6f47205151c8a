"""A matplotlib figure as inline SVG that takes the page's colours, light or dark, and its font."""

import re
from html import escape
from io import StringIO
from typing import Any

from oi_tasks.core.palette import LIGHT

INK, GRID = "#000001", "#b0b0b1"  # stand for the page's text and lines
VARIABLES = {value: f"var(--{name}, {value})" for name, value in LIGHT.items()}
VARIABLES |= {INK: "currentColor", GRID: "var(--line, #d5dce3)"}
STYLE = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "grid.color": GRID,
    "svg.hashsalt": "oi",  # equal plots are equal bytes
    "svg.fonttype": "none",
    "text.parse_math": False,  # names come from outside
}


def style() -> Any:
    """The settings to draw with, as a context; `svg` is called within."""
    from matplotlib import rc_context

    return rc_context(STYLE)


def figure(width: float, height: float, panels: int = 1) -> tuple[Any, Any]:
    """A figure of so many inches, with its panels side by side."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    axes = made.subplots(1, panels)
    for one in [axes] if panels == 1 else axes:
        one.grid(linewidth=0.7)
        one.set_axisbelow(True)
        one.spines[["top", "right"]].set_visible(False)
    return made, axes


def svg(made: Any, title: str) -> str:
    """The figure as an SVG element, named by its title for who cannot see it."""
    stream = StringIO()
    made.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()[stream.getvalue().index("<svg") :]
    text = re.sub(r"(?<=: )#[0-9a-f]{6}(?=[;\"])", lambda found: VARIABLES.get(found[0], found[0]), text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)
