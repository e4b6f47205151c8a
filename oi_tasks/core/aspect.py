"""Aspect bins: photos in three shapes, each with its own canvas, so that a batch holds photos of one shape."""

import math

BINS = ("2x1", "1x1", "1x2")  # width x height


def aspect_of(width: int, height: int) -> float:
    """log2(width / height): 1 for 2:1, 0 for a square, -1 for 1:2."""
    return math.log2(width / height)


def aspect_bin(width: int, height: int) -> str:
    """The bin of a photo of that size in pixels: the nearest of 2:1, 1:1 and 1:2 on the log scale."""
    aspect = aspect_of(width, height)
    return "2x1" if aspect > 0.5 else "1x2" if aspect < -0.5 else "1x1"


def canvas(name: str, side: int) -> tuple[int, int]:
    """Width and height in pixels of a bin's canvas, multiples of 32; `side` is the canvas's long side."""
    long, short = max(32, round(side / 32) * 32), max(32, round(side / 64) * 32)
    return {"2x1": (long, short), "1x1": (long, long), "1x2": (short, long)}[name]
