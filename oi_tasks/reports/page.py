"""All pages of the project, from one base: self-contained HTML that any browser shows, prints and keeps.

A page is a template below `templates/` that extends `base.html.j2`, which lists the blocks to fill and the classes to
use. Nothing is fetched from anywhere: style is inline, plots are inline SVG or data URIs.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oi_tasks.core import palette

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
NOTHING = "\N{EN DASH}"
PERCENT = "\N{NO-BREAK SPACE}%"


def render(template: str, **context: Any) -> str:
    """The page of a template, such as `quality.html.j2`. Raises jinja2.UndefinedError for what the context lacks."""
    return _environment().get_template(template).render(**context)


def number(value: Any, digits: int = 4) -> str:
    """A number as people read it: thousands apart, `digits` significant ones; a dash for None, other values as text."""
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.{digits}g}" if abs(value) < 1000 else f"{value:,.0f}"


def fixed(value: float | None, digits: int = 3) -> str:
    """A score with as many decimals as its neighbours in a column; a dash for None."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def share(value: float | None) -> str:
    """A share in [0, 1] as a percentage; what is small but not nothing never reads 0 %, nor 100 % what is not all."""
    if value is None:
        return NOTHING
    percent = 100 * value
    if 0 < percent < 0.001:
        return f"< 0.001{PERCENT}"
    if 99.999 < percent < 100:
        return f"> 99.999{PERCENT}"
    return f"{percent:.3f}".rstrip("0").rstrip(".") + PERCENT


def plural(count: int, word: str, words: str = "") -> str:
    """`1 row`, `2,000 rows`, `3 boxes`."""
    return f"{count:,} {word if count == 1 else words or word + 's'}"


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,  # file names, labels and error texts come from outside
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(light=palette.css(palette.LIGHT), dark=palette.css(palette.DARK))
    environment.filters.update(number=number, fixed=fixed, share=share, plural=plural)
    return environment
