"""Aspect bins: photos in a few shapes, each with its own canvas, so that a batch holds photos of one shape."""

import math
from collections.abc import Sequence
from typing import Literal

Alike = Literal["long side", "area"]
BINS = ("2x1", "1x1", "1x2")
"""The three shapes of the method, width x height."""


def aspect_of(width: int, height: int) -> float:
    """log2(width / height): 1 for 2:1, 0 for a square, -1 for 1:2."""
    return math.log2(width / height)


def aspect_of_bin(name: str) -> float:
    """The same of a bin by its name: 1 for "2x1"."""
    width, _, height = name.partition("x")
    return aspect_of(int(width), int(height))


def aspect_bin(width: int, height: int, bins: Sequence[str] = BINS) -> str:
    """The bin of a photo of that size in pixels: the nearest on the log scale, of two as near the squarer one."""
    aspect = aspect_of(width, height)
    return min(bins, key=lambda name: (abs(aspect - aspect_of_bin(name)), abs(aspect_of_bin(name))))


def canvas(name: str, side: int, alike: Alike = "long side") -> tuple[int, int]:
    """Width and height in pixels of a bin's canvas, multiples of 32.

    `side` is that of the square one; the others have the same long side, or the same area.
    """
    aspect = aspect_of_bin(name)
    longer = abs(aspect) / 2 if alike == "area" else 0.0
    lengths = side * 2**longer, side * 2 ** (longer - abs(aspect))
    long, short = (max(32, round(length / 32) * 32) for length in lengths)
    return (long, short) if aspect >= 0 else (short, long)
