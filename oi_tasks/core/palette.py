"""The colours of plots, bars and boxes: those of Okabe and Ito, which the colour-blind can tell apart.

Source: Okabe and Ito, Color Universal Design (2008), https://jfly.uni-koeln.de/color/. On a dark page
some are lighter. Never by colour alone: whatever differs in colour differs in a marker or a dash pattern, too.
"""

from collections.abc import Mapping

LIGHT = {
    "blue": "#0072b2",
    "orange": "#d55e00",
    "purple": "#cc79a7",
    "yellow": "#e69f00",
    "sky": "#56b4e9",
    "green": "#009e73",
}
DARK = LIGHT | {"blue": "#4ea3e0", "sky": "#a5dcff"}
BRIGHT_YELLOW = "#f0e442"  # seen on a photo, not on a white page
MARKERS = "osD^vP"
DASHES = ("-", "--", ":")


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of `#rrggbb`, 0 to 255."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


ON_PHOTOS = tuple(
    rgb(colour)
    for colour in (
        *(LIGHT[name] for name in ("yellow", "sky", "green")),
        BRIGHT_YELLOW,
        *(LIGHT[name] for name in ("blue", "orange", "purple")),
    )
)
"""Of masks and boxes on a photo, one after the other."""


def css(colours: Mapping[str, str]) -> str:
    """Declarations for a style sheet: `--blue: #0072b2; …`."""
    return " ".join(f"--{name}: {value};" for name, value in colours.items())


def series(place: int) -> dict[str, str]:
    """Colour, marker and dash pattern of a curve, as matplotlib names them: no two of the first 18 are alike."""
    colours = list(LIGHT.values())
    turn = place // len(colours)
    return {
        "color": colours[place % len(colours)],
        "marker": MARKERS[(place + turn) % len(MARKERS)],
        "linestyle": DASHES[turn % len(DASHES)],
    }
