"""Fish, birds, cats and butterflies."""

import random

from oi_tasks.drawn.shapes import (
    Outline,
    Piece,
    Sketch,
    bar,
    colour,
    ellipse,
    moved,
    polygon,
    shade,
    smooth,
)

DARK = (28, 24, 26)
EYE = (245, 240, 215)


def fish(rng: random.Random) -> Sketch:
    """From the side, the head to the left; plain, striped or spotted."""
    body = colour(rng, (8, 28, 45, 190, 205, 220, 330), 0.6, 0.75)
    fin = shade(body, rng.uniform(0.55, 0.85))
    deep = rng.uniform(0.26, 0.5)
    tail = rng.uniform(0.28, 0.48)
    outline = smooth(
        (-0.95, 0.02),
        (-0.55, -deep * 0.85),
        (-0.1, -deep),
        (0.35, -deep * 0.55),
        (0.62, -0.08),
        (0.62, 0.08),
        (0.35, deep * 0.55),
        (-0.1, deep),
        (-0.55, deep * 0.85),
    )
    pieces = [
        Piece(smooth((0.5, 0), (0.98, -tail), (0.84, 0), (0.98, tail)), fin),
        Piece(polygon((-0.35, -deep * 0.85), (0.02, -deep - rng.uniform(0.12, 0.3)), (0.42, -deep * 0.4)), fin),
        Piece(polygon((-0.1, deep * 0.9), (0.2, deep + rng.uniform(0.08, 0.22)), (0.32, deep * 0.5)), fin),
        Piece(outline, body),
        Piece(
            smooth((-0.8, 0.1), (-0.4, deep * 0.8), (0.1, deep * 0.85), (0.5, 0.1), (0, deep * 0.4)), shade(body, 1.3)
        ),
    ]
    marking, ink = rng.random(), shade(body, rng.choice((0.45, 1.6)))
    if marking < 0.4:
        for x in (-0.32, -0.02, 0.26)[: rng.randint(1, 3)]:
            reach = deep * (0.86 - abs(x + 0.1) * 0.9)
            pieces.append(
                Piece(
                    smooth(
                        (x - 0.06, -reach),
                        (x + 0.05, -reach),
                        (x + 0.09, 0),
                        (x + 0.05, reach),
                        (x - 0.06, reach),
                        (x - 0.01, 0),
                    ),
                    ink,
                )
            )
    elif marking < 0.65:
        for _ in range(7):
            x, y = rng.uniform(-0.35, 0.4), rng.uniform(-0.5, 0.3) * deep
            pieces.append(Piece(ellipse(x, y, 0.045, 0.04, corners=10), ink))
    return pieces + [
        Piece(smooth((-0.2, 0.05), (0.08, 0.0), (0.1, 0.16), (-0.08, 0.14)), fin),
        Piece(ellipse(-0.5, 0, 0.04, deep * 0.6, start=90, stop=270, corners=10), fin),
        Piece(ellipse(-0.7, -deep * 0.28, 0.085, 0.085, corners=16), EYE),
        Piece(ellipse(-0.715, -deep * 0.28, 0.045, 0.045, corners=12), DARK),
    ]


def bird(rng: random.Random) -> Sketch:
    """Perched or in flight, the head to the left."""
    body = colour(rng, (12, 30, 40, 200, 215, 350), rng.choice((0.15, 0.45, 0.7)), 0.6)
    wing, belly, beak = shade(body, 0.65), shade(body, 1.4), colour(rng, (28, 45), 0.85, 0.85)
    head = [
        Piece(polygon((-0.68, -0.42), (-0.98, -0.33), (-0.68, -0.28)), beak),
        Piece(ellipse(-0.52, -0.38, 0.23, 0.21), body),
        Piece(ellipse(-0.58, -0.43, 0.05, 0.05, corners=12), EYE),
        Piece(ellipse(-0.59, -0.43, 0.032, 0.032, corners=10), DARK),
    ]
    trunk = [
        Piece(polygon((0.3, 0.08), (0.98, rng.uniform(0.15, 0.42)), (0.9, rng.uniform(0.44, 0.6)), (0.25, 0.3)), wing),
        Piece(
            smooth((-0.62, -0.3), (-0.3, -0.38), (0.2, -0.15), (0.5, 0.2), (0.15, 0.4), (-0.3, 0.32), (-0.58, 0)), body
        ),
        Piece(smooth((-0.56, -0.02), (-0.3, 0.08), (0.2, 0.3), (-0.1, 0.36), (-0.4, 0.24)), belly),
    ]
    if rng.random() < 0.5:
        legs = [Piece(bar(x, 0.3, x - 0.03, 0.72, 0.05), beak) for x in (-0.12, 0.05)]
        feet = [Piece(bar(x - 0.14, 0.72, x + 0.07, 0.72, 0.05), beak) for x in (-0.15, 0.02)]
        folded = Piece(smooth((-0.25, -0.2), (0.2, -0.1), (0.66, 0.24), (0.2, 0.24), (-0.2, 0.12)), wing)
        return [*legs, *feet, *trunk, folded, *head]
    lift = rng.uniform(0.55, 0.95)
    far = Piece(smooth((-0.25, -0.15), (-0.35, -lift), (-0.1, -lift * 0.8), (0.15, -0.1)), shade(wing, 0.8))
    near = Piece(smooth((-0.3, -0.1), (0.0, -lift * 0.75), (0.45, -lift), (0.4, -lift * 0.55), (0.25, 0.12)), wing)
    return [far, *trunk, near, *head]


def cat(rng: random.Random) -> Sketch:
    """Sitting, or its face; plain or striped."""
    coat = colour(rng, (20, 28, 35), rng.choice((0.08, 0.2, 0.65)), rng.choice((0.22, 0.5, 0.8)))
    inner, muzzle, iris = colour(rng, (350,), 0.35, 0.75), shade(coat, 1.35), colour(rng, (55, 90, 130), 0.8, 0.8)
    face = [
        Piece(polygon((-0.62, -0.1), (-0.66, -0.88), (-0.08, -0.45)), coat),
        Piece(polygon((0.62, -0.1), (0.66, -0.88), (0.08, -0.45)), coat),
        Piece(polygon((-0.52, -0.3), (-0.58, -0.72), (-0.24, -0.48)), inner),
        Piece(polygon((0.52, -0.3), (0.58, -0.72), (0.24, -0.48)), inner),
        Piece(
            smooth(
                (0, -0.56), (0.5, -0.4), (0.68, 0.08), (0.4, 0.48), (0, 0.6), (-0.4, 0.48), (-0.68, 0.08), (-0.5, -0.4)
            ),
            coat,
        ),
    ]
    if rng.random() < 0.5:
        face += [Piece(bar(x, -0.5, x * 0.7, -0.24, 0.08, 0.03), shade(coat, 0.5)) for x in (-0.18, 0, 0.18)]
    face += [Piece(ellipse(x, 0.28, 0.22, 0.17, corners=16), muzzle) for x in (-0.15, 0.15)]
    for x in (-0.28, 0.28):
        face += [
            Piece(ellipse(x, -0.05, 0.15, 0.12, corners=16), iris),
            Piece(ellipse(x, -0.05, 0.045, 0.12, corners=12), DARK),
        ]
    face.append(Piece(polygon((-0.1, 0.14), (0.1, 0.14), (0, 0.25)), inner))
    for side in (-1, 1):
        face += [Piece(bar(side * 0.2, 0.28, side * 0.85, 0.28 + dy, 0.025), shade(coat, 1.7)) for dy in (-0.1, 0.08)]
    if rng.random() < 0.4:
        return moved(face, y=0.12)
    tail = smooth((0.3, 0.75), (0.78, 0.6), (0.72, 0.05), (0.85, 0.0), (0.98, 0.55), (0.7, 0.93), (0.3, 0.95))
    body = [
        Piece(tail, shade(coat, 0.8)),
        Piece(
            smooth((-0.22, -0.3), (0.22, -0.3), (0.48, 0.3), (0.52, 0.85), (0, 0.98), (-0.52, 0.85), (-0.48, 0.3)), coat
        ),
        Piece(smooth((-0.16, -0.05), (0.16, -0.05), (0.18, 0.4), (0, 0.6), (-0.18, 0.4)), muzzle),
        *(Piece(ellipse(x, 0.9, 0.17, 0.09, corners=14), muzzle) for x in (-0.2, 0.2)),
        *(Piece(bar(x, 0.45, x, 0.85, 0.04), shade(coat, 0.6)) for x in (-0.12, 0.12)),
    ]
    return body + moved(face, y=-0.45, scale=0.62)


def butterfly(rng: random.Random) -> Sketch:
    """From above, the wings open."""
    wing = colour(rng, (15, 30, 48, 210, 275, 320), 0.75, 0.8)
    edge, spot = shade(wing, 0.3), shade(wing, rng.choice((0.5, 1.6)))
    open_ = rng.uniform(0.7, 1.0)
    pieces: Sketch = []
    for side in (-1, 1):
        upper = smooth((0.05, -0.1), (0.3, -0.65), (0.85, -0.8), (0.95, -0.4), (0.6, 0.0), (0.1, 0.1))
        lower = smooth((0.05, 0.05), (0.55, 0.05), (0.75, 0.4), (0.5, 0.8), (0.2, 0.6))
        for outline, middle in ((lower, (0.42, 0.38)), (upper, (0.56, -0.42))):
            pieces += [
                Piece(_mirrored(outline, side * open_), edge),
                Piece(_mirrored((outline - middle) * 0.78 + middle, side * open_), wing),
                Piece(ellipse(middle[0] * side * open_, middle[1], 0.12 * open_, 0.12, corners=14), spot),
            ]
        pieces.append(Piece(bar(side * 0.02, -0.3, side * 0.25, -0.72, 0.035), DARK))
    return [*pieces, Piece(ellipse(0, 0.02, 0.075, 0.42, corners=18), DARK)]


def _mirrored(outline: Outline, factor: float) -> Outline:
    return outline * (factor, 1.0)
