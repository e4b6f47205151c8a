"""Apples, oranges, bananas, tomatoes and carrots; the round ones are alike on purpose."""

import math
import random

from oi_tasks.drawn.shapes import Colour, Piece, Sketch, bar, colour, ellipse, moved, polygon, shade, smooth

BARK = (88, 60, 36)
LEAF_HUES = (95, 110, 125)


def _shine(rng: random.Random, base: Colour) -> Piece:
    return Piece(ellipse(-0.32, -0.3, 0.17, 0.1, turn=-40, corners=14), shade(base, rng.uniform(1.25, 1.6)))


def apple(rng: random.Random) -> Sketch:
    """Two lobes, a stem, often a leaf; red, green or yellow."""
    skin = colour(rng, (355, 0, 6, 12, 75, 90, 50), 0.75, 0.75)
    blush = colour(rng, (0, 20, 60), 0.7, 0.75)
    wide = rng.uniform(0.74, 0.86)
    pieces = [
        Piece(
            smooth(
                (0, -0.5),
                (0.42, -0.64),
                (wide, -0.25),
                (wide * 0.9, 0.3),
                (0.38, 0.78),
                (0, 0.68),
                (-0.38, 0.78),
                (-wide * 0.9, 0.3),
                (-wide, -0.25),
                (-0.42, -0.64),
            ),
            skin,
        ),
        Piece(
            smooth((0.3, -0.45), (wide - 0.1, -0.1), (0.5, 0.5), (0.2, 0.2)),
            blush if rng.random() < 0.5 else shade(skin, 0.85),
        ),
        _shine(rng, skin),
        Piece(smooth((-0.2, -0.52), (0, -0.42), (0.2, -0.52), (0, -0.47)), shade(skin, 0.45)),
        Piece(bar(0, -0.46, rng.uniform(-0.05, 0.16), -0.9, 0.06, 0.09), BARK),
    ]
    if rng.random() < 0.6:
        pieces.append(
            Piece(smooth((0.06, -0.66), (0.3, -0.92), (0.6, -0.82), (0.34, -0.64)), colour(rng, LEAF_HUES, 0.6, 0.55))
        )
    return pieces


def orange(rng: random.Random) -> Sketch:
    """A dimpled ball, or half of one with its segments."""
    skin = colour(rng, (26, 32, 38), 0.88, 0.9)
    if rng.random() < 0.25:
        flesh, pith = shade(skin, 1.15), (250, 232, 190)
        rays = [(math.cos(a), math.sin(a)) for a in (math.radians(36 * i) for i in range(10))]
        return [
            Piece(ellipse(0, 0, 0.86, 0.86), skin),
            Piece(ellipse(0, 0, 0.76, 0.76), pith),
            Piece(ellipse(0, 0, 0.69, 0.69), flesh),
            *(Piece(bar(0, 0, 0.7 * x, 0.7 * y, 0.05), pith) for x, y in rays),
        ]
    dimples = []
    for _ in range(16):
        angle, distance = rng.uniform(0, 2 * math.pi), 0.7 * math.sqrt(rng.random())
        dimples.append(
            Piece(
                ellipse(distance * math.cos(angle), distance * math.sin(angle), 0.035, 0.035, corners=8),
                shade(skin, 0.82),
            )
        )
    x, y = rng.uniform(-0.3, 0.3), rng.uniform(-0.6, -0.3)
    navel = [
        Piece(ellipse(x, y, 0.11, 0.09, corners=12), shade(skin, 0.7)),
        Piece(ellipse(x, y, 0.06, 0.05, corners=10), colour(rng, LEAF_HUES, 0.5, 0.45)),
    ]
    return [Piece(ellipse(0, 0, 0.86, rng.uniform(0.8, 0.87)), skin), *dimples, _shine(rng, skin), *navel]


def banana(rng: random.Random) -> Sketch:
    """One crescent, or a hand of two or three."""
    skin = colour(rng, (50, 54, 60, 68), 0.75, 0.88)
    one = [
        Piece(
            smooth(
                (-0.86, -0.42),
                (-0.76, -0.5),
                (-0.5, -0.02),
                (0, 0.2),
                (0.5, 0.06),
                (0.84, -0.34),
                (0.93, -0.28),
                (0.72, 0.3),
                (0.1, 0.62),
                (-0.5, 0.42),
            ),
            skin,
        ),
        Piece(
            smooth(
                (-0.78, -0.3), (-0.5, 0.2), (0, 0.42), (0.5, 0.28), (0.84, -0.2), (0.55, 0.36), (0, 0.5), (-0.55, 0.28)
            ),
            shade(skin, 0.82),
        ),
        Piece(polygon((-0.9, -0.4), (-0.94, -0.62), (-0.8, -0.66), (-0.72, -0.44)), shade(skin, 0.6)),
        Piece(ellipse(0.89, -0.32, 0.06, 0.07, corners=10), BARK),
    ]
    spots = [
        Piece(ellipse(rng.uniform(-0.4, 0.5), rng.uniform(0.28, 0.42), 0.04, 0.03, corners=8), BARK)
        for _ in range(rng.randint(0, 5))
    ]
    if rng.random() < 0.6:
        return one + spots
    return [
        piece for i in range(rng.randint(2, 3)) for piece in moved(one, x=0.0, y=-0.12 * i, scale=0.9, turn=-14 * i)
    ]


def tomato(rng: random.Random) -> Sketch:
    """A flattened ball under a green star."""
    skin = colour(rng, (0, 4, 8, 14, 30), 0.85, 0.78)
    leaf = colour(rng, LEAF_HUES, 0.65, 0.45)
    flat = rng.uniform(0.66, 0.78)
    x, y = rng.uniform(-0.12, 0.12), -flat * rng.uniform(0.45, 0.8)
    star = []
    for i in range(5):
        angle = math.radians(72 * i + rng.uniform(-12, 12))
        star.append(Piece(bar(x, y, x + 0.36 * math.cos(angle), y + 0.24 * math.sin(angle), 0.15, 0.02), leaf))
    return [
        Piece(
            smooth(
                (0, -flat * 0.9),
                (0.5, -flat),
                (0.9, -0.1),
                (0.66, flat * 0.8),
                (0, flat),
                (-0.66, flat * 0.8),
                (-0.9, -0.1),
                (-0.5, -flat),
            ),
            skin,
        ),
        Piece(smooth((0.3, -0.3), (0.75, 0), (0.45, 0.5), (0.4, 0.1)), shade(skin, 0.85)),
        _shine(rng, skin),
        *star,
        Piece(bar(x, y, x + 0.05, y - 0.24, 0.07), shade(leaf, 0.8)),
    ]


def carrot(rng: random.Random) -> Sketch:
    """A tapered root with rings, lying, its leaves to the left."""
    skin, leaf = colour(rng, (20, 26, 30), 0.85, 0.85), colour(rng, LEAF_HUES, 0.65, 0.5)
    thick = rng.uniform(0.2, 0.3)
    leaves = [
        Piece(
            smooth((-0.42, 0), (-0.7, y * 0.7 - 0.07), (-0.97, y), (-0.68, y * 0.7 + 0.07)),
            shade(leaf, rng.uniform(0.8, 1.1)),
        )
        for y in (-0.34, -0.16, 0.04, 0.2, 0.36)
    ]
    root = Piece(
        smooth((-0.45, 0), (-0.38, -thick), (0.1, -thick * 0.72), (0.97, 0), (0.1, thick * 0.72), (-0.38, thick)), skin
    )
    rings = []
    for x in (-0.28, -0.1, 0.12, 0.34, 0.55):
        half, side = thick * (0.8 - (x + 0.3) * 0.65), rng.choice((-1, 1))
        rings.append(Piece(bar(x, side * half * 0.95, x + 0.02, side * half * 0.1, 0.03), shade(skin, 0.72)))
    return [*leaves, root, *rings]
