"""Cars, buses, bicycles, boats and airplanes."""

import random

from oi_tasks.drawn.shapes import Colour, Piece, Sketch, bar, box, colour, ellipse, polygon, ring, shade, smooth

TYRE = (30, 30, 33)
GLASS_HUES = (200, 210)
PAINT_HUES = (0, 8, 35, 48, 120, 195, 215, 225, 300)


def _paint(rng: random.Random) -> Colour:
    """Car paint: a colour, or white, grey or black."""
    return (
        colour(rng, PAINT_HUES, 0.75, 0.7)
        if rng.random() < 0.7
        else colour(rng, (210,), 0.08, rng.choice((0.25, 0.55, 0.9)))
    )


def _wheel(x: float, y: float, radius: float, hub: Colour) -> Sketch:
    return [
        Piece(ellipse(x, y, radius, radius), TYRE, part="Wheel"),
        Piece(ellipse(x, y, radius * 0.58, radius * 0.58, corners=16), hub),
        Piece(ellipse(x, y, radius * 0.2, radius * 0.2, corners=10), shade(hub, 0.5)),
    ]


def car(rng: random.Random) -> Sketch:
    """From the side, the front to the left: a saloon, a hatchback or a small van."""
    paint, glass, hub = _paint(rng), colour(rng, GLASS_HUES, 0.3, 0.65), colour(rng, (210,), 0.08, 0.7)
    roof, back = rng.uniform(-0.5, -0.36), rng.choice((0.45, 0.72, 0.86))
    dark = shade(paint, 0.55)
    front = rng.uniform(-0.5, -0.36)
    cabin = polygon((front - 0.12, -0.05), (front + 0.16, roof), (back - 0.18, roof), (back + 0.04, -0.05))
    windows = [
        polygon((front, -0.07), (front + 0.2, roof + 0.07), (0.08, roof + 0.07), (0.08, -0.07)),
        polygon((0.15, -0.07), (0.15, roof + 0.07), (back - 0.22, roof + 0.07), (back - 0.09, -0.07)),
    ]
    return [
        Piece(cabin, paint),
        Piece(
            smooth(
                (-0.96, 0.22),
                (-0.94, 0.02),
                (-0.6, -0.1),
                (0, -0.1),
                (0.6, -0.1),
                (0.94, -0.02),
                (0.96, 0.26),
                (0.5, 0.32),
                (-0.5, 0.32),
                steps=4,
            ),
            paint,
        ),
        Piece(box(-0.9, 0.2, 0.92, 0.31), dark),
        *(Piece(window, glass) for window in windows),
        Piece(bar(0.11, -0.05, 0.11, 0.2, 0.02), dark),
        Piece(box(0.2, 0.0, 0.3, 0.03), dark),
        Piece(ellipse(-0.88, 0.07, 0.06, 0.045, corners=10), (250, 240, 190)),
        Piece(box(0.87, 0.02, 0.94, 0.1), (190, 30, 30)),
        *_wheel(-0.55, 0.3, 0.19, hub),
        *_wheel(0.56, 0.3, 0.19, hub),
    ]


def bus(rng: random.Random) -> Sketch:
    """From the side: a long box with a row of windows; some have two decks."""
    paint, glass, hub = _paint(rng), colour(rng, GLASS_HUES, 0.3, 0.6), colour(rng, (210,), 0.08, 0.6)
    band = colour(rng, PAINT_HUES, 0.7, 0.8)
    top = -0.8 if rng.random() < 0.3 else -0.42
    pieces = [Piece(box(-0.96, top, 0.96, 0.36, 0.06), paint), Piece(box(-0.95, 0.08, 0.95, 0.16), band)]
    decks = (-0.32, -0.7) if top < -0.5 else (-0.32,)
    count = rng.randint(4, 6)
    step = 1.5 / count
    for y in decks:
        pieces += [Piece(box(-0.62 + i * step, y, -0.62 + (i + 0.82) * step, y + 0.28), glass) for i in range(count)]
    return [
        *pieces,
        Piece(box(-0.94, -0.33, -0.7, 0.06), glass),
        Piece(box(-0.5, -0.3, -0.3, 0.33), shade(glass, 0.7)),
        Piece(bar(-0.4, -0.3, -0.4, 0.33, 0.02), paint),
        Piece(box(-0.95, 0.2, -0.87, 0.27), (250, 240, 190)),
        Piece(box(0.9, 0.2, 0.95, 0.29), (190, 30, 30)),
        *_wheel(-0.66, 0.37, 0.15, hub),
        *_wheel(0.58, 0.37, 0.15, hub),
    ]


def bicycle(rng: random.Random) -> Sketch:
    """From the side: two spoked wheels and a frame, all of it thin."""
    frame, steel = _paint(rng), colour(rng, (210,), 0.05, 0.6)
    radius, thick = 0.4, rng.uniform(0.06, 0.085)
    left, right, crank, seat, head = (-0.56, 0.25), (0.56, 0.25), (-0.05, 0.25), (-0.2, -0.3), (0.38, -0.32)
    pieces: Sketch = []
    for x, y in (left, right):
        pieces += [
            Piece(bar(x - dx * radius, y - dy * radius, x + dx * radius, y + dy * radius, 0.02), steel)
            for dx, dy in ((1, 0), (0, 1), (0.7, 0.7), (0.7, -0.7))
        ]
        pieces.append(Piece(ring(x, y, radius, radius - 0.075), TYRE))
    tubes = ((left, crank), (left, seat), (crank, seat), (crank, head), (seat, head), (head, right))
    pieces += [Piece(bar(*a, *b, thick), frame) for a, b in tubes]
    pieces += [
        Piece(bar(*seat, -0.23, -0.45, 0.05), steel),
        Piece(smooth((-0.42, -0.5), (-0.25, -0.53), (-0.06, -0.47), (-0.25, -0.42)), TYRE),
        Piece(bar(*head, 0.34, -0.5, 0.05), steel),
    ]
    if rng.random() < 0.5:
        pieces.append(
            Piece(smooth((0.3, -0.53), (0.52, -0.52), (0.56, -0.38), (0.47, -0.34), (0.46, -0.45), (0.3, -0.47)), TYRE)
        )
    else:
        pieces.append(Piece(bar(0.16, -0.56, 0.46, -0.48, 0.06), TYRE))
    return [
        *pieces,
        Piece(ellipse(*crank, 0.1, 0.1, corners=14), steel),
        Piece(bar(-0.05, 0.25, 0.06, 0.44, 0.045), TYRE),
    ]


def boat(rng: random.Random) -> Sketch:
    """A hull with sails, or with a cabin and a funnel."""
    hull, trim = _paint(rng), colour(rng, (0, 40, 210), 0.5, 0.8)
    deck = rng.uniform(0.3, 0.42)
    keel = 0.82
    base = [
        Piece(polygon((-0.92, deck), (0.95, deck - 0.08), (0.7, keel), (-0.66, keel)), hull),
        Piece(polygon((-0.92, deck), (0.95, deck - 0.08), (0.9, deck + 0.05), (-0.86, deck + 0.1)), trim),
    ]
    if rng.random() < 0.6:
        cloth = colour(rng, (0, 45, 200), rng.choice((0.1, 0.15, 0.7)), 0.9)
        return [
            Piece(bar(-0.05, -0.95, -0.05, deck, 0.05), (95, 70, 45)),
            Piece(
                smooth((0.0, -0.9), (0.35, -0.4), (0.62, 0.12), (0.62, 0.17), (0.0, 0.2), (0.0, 0.0), steps=4), cloth
            ),
            Piece(polygon((-0.1, -0.75), (-0.1, 0.18), (-0.72, 0.18)), shade(cloth, 0.8)),
            *base,
        ]
    house = colour(rng, (40, 200), 0.08, 0.85)
    return [
        Piece(box(0.1, -0.55, 0.32, -0.1), trim),
        Piece(box(0.1, -0.55, 0.32, -0.45), TYRE),
        Piece(box(-0.5, -0.12, 0.5, deck + 0.05), house),
        Piece(box(-0.42, -0.4, 0.0, -0.1), house),
        *(Piece(box(x, 0.0, x + 0.16, 0.16), shade(hull, 0.5)) for x in (-0.42, -0.14, 0.14)),
        Piece(box(-0.38, -0.33, -0.06, -0.2), shade(hull, 0.5)),
        *base,
    ]


def airplane(rng: random.Random) -> Sketch:
    """From the side or from above, the nose to the left."""
    skin, tail = colour(rng, (205, 220), rng.choice((0.05, 0.08, 0.5)), 0.85), _paint(rng)
    grey = shade(skin, 0.62)
    if rng.random() < 0.5:
        slim = rng.uniform(0.09, 0.13)
        wings = [
            Piece(polygon((-0.22, 0), (0.18, side * 0.92), (0.34, side * 0.92), (0.2, 0)), grey) for side in (-1, 1)
        ]
        fins = [Piece(polygon((0.66, 0), (0.84, side * 0.36), (0.94, side * 0.36), (0.9, 0)), tail) for side in (-1, 1)]
        engines = [Piece(ellipse(-0.06, side * 0.42, 0.12, 0.05, corners=12), shade(grey, 0.6)) for side in (-1, 1)]
        return [
            *engines,
            *wings,
            *fins,
            Piece(
                smooth((-0.95, 0), (-0.7, -slim), (0.4, -slim), (0.95, -0.02), (0.95, 0.02), (0.4, slim), (-0.7, slim)),
                skin,
            ),
            Piece(polygon((-0.86, -0.05), (-0.76, -0.06), (-0.76, 0.06), (-0.86, 0.05)), TYRE),
        ]
    windows = [Piece(ellipse(-0.55 + i * 0.13, -0.05, 0.03, 0.04, corners=8), (60, 80, 110)) for i in range(8)]
    return [
        Piece(polygon((0.5, -0.08), (0.78, -0.56), (0.96, -0.56), (0.86, -0.05)), tail),
        Piece(polygon((-0.05, -0.1), (0.25, -0.38), (0.36, -0.38), (0.22, -0.1)), shade(grey, 0.85)),
        Piece(
            smooth((-0.97, 0.06), (-0.8, -0.13), (0.3, -0.16), (0.95, -0.1), (0.96, -0.04), (0.4, 0.16), (-0.7, 0.17)),
            skin,
        ),
        Piece(polygon((-0.9, -0.03), (-0.74, -0.1), (-0.7, -0.02)), (60, 80, 110)),
        *windows,
        Piece(polygon((0.7, -0.06), (0.88, 0.08), (0.97, 0.08), (0.9, -0.06)), grey),
        Piece(polygon((-0.2, 0.06), (0.22, 0.46), (0.4, 0.46), (0.2, 0.06)), grey),
        Piece(ellipse(-0.05, 0.26, 0.13, 0.07, corners=14), shade(grey, 0.6)),
    ]
