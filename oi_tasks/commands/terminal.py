"""The terminal as tables are printed on it: every name as it is, and never narrower than a table can be read on."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

NARROWEST = 72  # letters; a narrower terminal breaks the lines by itself, and nothing of them is lost


def terminal() -> "Console":
    """A console that takes no name for markup or for an emoji: `[bold]` and `:dog:` may be names of photos."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    if console.width < NARROWEST:
        console.width = NARROWEST
    return console
