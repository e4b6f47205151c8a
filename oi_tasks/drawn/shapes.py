"""Outlines and colours that the sketches are made of.

A sketch is a list of pieces, painted in order, in a square of [-1, 1] × [-1, 1], x to the right and y downwards.
Outlines are polygons, so that a sketch can be turned, sheared and scaled before a pixel is drawn.
"""

import colorsys
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Outline = NDArray[np.float64]
"""Corners of a polygon, shape (n, 2): x, y."""
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Piece:
    """A filled polygon. `part` is set on the outline of a part that has a label of its own (`Wheel`)."""

    outline: Outline
    colour: Colour
    part: str | None = None


Sketch = list[Piece]
Sketcher = Callable[[random.Random], Sketch]


def polygon(*corners: tuple[float, float]) -> Outline:
    """A polygon from its corners."""
    return np.array(corners, dtype=np.float64)


def ellipse(
    x: float,
    y: float,
    rx: float,
    ry: float,
    turn: float = 0.0,
    start: float = 0.0,
    stop: float = 360.0,
    corners: int = 26,
) -> Outline:
    """An ellipse around (x, y), or the segment of one between two angles; angles in degrees, clockwise."""
    angles = np.radians(np.linspace(start, stop, corners, endpoint=stop - start < 360))
    points = np.stack([rx * np.cos(angles), ry * np.sin(angles)], axis=1)
    return turned(points, turn) + (x, y)


def ring(x: float, y: float, outer: float, inner: float) -> Outline:
    """A circle with a hole, as one polygon with a seam."""
    angles = np.radians(np.linspace(0, 360, 33))
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.concatenate([circle * outer, circle[::-1] * inner]) + (x, y)


def bar(x1: float, y1: float, x2: float, y2: float, width: float, end: float | None = None) -> Outline:
    """A straight bar from one point to another; `end` is its width there, if it tapers."""
    length = math.hypot(x2 - x1, y2 - y1) or 1.0
    across = np.array([-(y2 - y1), x2 - x1]) / length / 2
    near, far = across * width, across * (width if end is None else end)
    first, last = np.array([x1, y1]), np.array([x2, y2])
    return np.stack([first + near, last + far, last - far, first - near])


def box(x1: float, y1: float, x2: float, y2: float, cut: float = 0.0) -> Outline:
    """An upright rectangle; `cut` takes that much off each corner."""
    if not cut:
        return polygon((x1, y1), (x2, y1), (x2, y2), (x1, y2))
    return polygon(
        (x1 + cut, y1),
        (x2 - cut, y1),
        (x2, y1 + cut),
        (x2, y2 - cut),
        (x2 - cut, y2),
        (x1 + cut, y2),
        (x1, y2 - cut),
        (x1, y1 + cut),
    )


def smooth(*corners: tuple[float, float], steps: int = 6) -> Outline:
    """A closed curve through the corners (uniform Catmull-Rom spline)."""
    p1 = np.array(corners, dtype=np.float64)[:, None, :]
    p0, p2, p3 = np.roll(p1, 1, axis=0), np.roll(p1, -1, axis=0), np.roll(p1, -2, axis=0)
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    return curve.reshape(-1, 2)


def turned(points: Outline, degrees: float) -> Outline:
    """Points turned clockwise around (0, 0)."""
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]), dtype=np.float64)


def moved(sketch: Sketch, x: float = 0.0, y: float = 0.0, scale: float = 1.0, turn: float = 0.0) -> Sketch:
    """The sketch scaled and turned around (0, 0), then moved."""
    return [Piece(turned(piece.outline * scale, turn) + (x, y), piece.colour, piece.part) for piece in sketch]


def colour(rng: random.Random, hues: Iterable[float], saturation: float = 0.75, value: float = 0.8) -> Colour:
    """One of the hues (degrees), all three of hue, saturation and value jittered."""
    hue = rng.choice(list(hues)) + rng.uniform(-9, 9)
    s = min(1.0, max(0.0, saturation + rng.uniform(-0.15, 0.15)))
    v = min(1.0, max(0.08, value + rng.uniform(-0.15, 0.15)))
    red, green, blue = colorsys.hsv_to_rgb(hue % 360 / 360, s, v)
    return round(red * 255), round(green * 255), round(blue * 255)


def shade(base: Colour, factor: float) -> Colour:
    """The colour made darker (factor < 1) or lighter (factor > 1, towards white)."""
    if factor <= 1:
        red, green, blue = (round(c * factor) for c in base)
    else:
        red, green, blue = (round(c + (255 - c) * min(1.0, factor - 1)) for c in base)
    return red, green, blue
