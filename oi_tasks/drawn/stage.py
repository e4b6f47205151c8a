"""Putting things down on a photo, back to front, so that nothing is hidden too much."""

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oi_tasks.drawn.kinds import Kind
from oi_tasks.drawn.paint import Patch, Pose, drawn, faded, lit, posed, window
from oi_tasks.drawn.shapes import Piece, Sketch, bar, box, colour, ellipse, moved, polygon, smooth

LEAST_VISIBLE = 0.5
"""An object keeps at least this share of itself in view."""


@dataclass(frozen=True)
class Thing:
    """A patch on the photo. `name` is None for clutter, which hides others but has no box."""

    name: str | None
    patch: Patch
    group: bool = False
    depiction: bool = False


class Stage:
    """Things as they are put down, back to front, and whose each pixel is (−1: the ground's)."""

    def __init__(self, rng: random.Random, noise: np.random.Generator, width: int, height: int) -> None:
        self.rng, self.noise, self.width, self.height = rng, noise, width, height
        self.things: list[Thing] = []
        self.owner: NDArray[np.int16] = np.full((height, width), -1, dtype=np.int16)

    def main_object(self, kind: Kind) -> None:
        """The object that the photo is about: single, a group, or a picture in a frame. It always finds a place."""
        draw = self.rng.random()
        if draw < 0.1 and kind.gathers:
            self._place(kind.name, self._pose(_gathered(self.rng, kind), 0, 0.45, 0.8), 0.05, group=True)
        elif draw < 0.16:
            self._framed(kind)
        else:
            self._place(kind.name, self._pose(kind.sketch(self.rng), kind.tilt, 0.3, 0.8), 0.16)

    def extra_object(self, kind: Kind) -> None:
        """One more object, smaller as a rule; left out where it would hide another."""
        self._place(kind.name, self._pose(kind.sketch(self.rng), kind.tilt, 0.16, 0.5), 0.12)

    def clutter(self, least: float, most: float) -> None:
        """A thing without a label: a ball, a bar, a blob, a block."""
        rng = self.rng
        paint = colour(rng, (0, 30, 50, 100, 210, 280), rng.choice((0.1, 0.25, 0.5)), rng.uniform(0.25, 0.85))
        shapes = (
            ellipse(0, 0, 1, rng.uniform(0.5, 1)),
            bar(-1, 0, 1, 0, rng.uniform(0.06, 0.25)),
            box(-1, -0.6, 1, 0.6),
            smooth(
                *((rng.uniform(0.4, 1) * x, rng.uniform(0.4, 1) * y) for x, y in ((1, 0), (0, 1), (-1, 0), (0, -1)))
            ),
            polygon((-0.9, 0.7), (0, -0.8), (0.9, 0.7)),
        )
        self._place(None, self._pose([Piece(rng.choice(shapes), paint)], 180, least, most), 0.4)

    def _pose(self, sketch: Sketch, tilt: float, least: float, most: float) -> Patch:
        rng = self.rng
        length = (least + (most - least) * rng.random()) * (self.width * self.height) ** 0.5
        pose = Pose(length, rng.uniform(-tilt, tilt), rng.random() < 0.5, rng.uniform(0.82, 1.0))
        return lit(drawn(posed(sketch, pose, (self.width * 0.95, self.height * 0.95))), rng, self.noise)

    def _place(self, name: str | None, patch: Patch, at_edge: float, group: bool = False, tries: int = 6) -> None:
        """Find a place where nothing is hidden too much; `at_edge` is the chance that it reaches over the edge."""
        height, width = patch.cover.shape
        for left in reversed(range(tries)):
            over = 0.3 if left and self.rng.random() < at_edge else 0.0
            x = self.rng.uniform(width * (0.5 - over), self.width - width * (0.5 - over))
            y = self.rng.uniform(height * (0.5 - over), self.height - height * (0.5 - over))
            if self._add(Thing(name, patch.centred(x, y), group=group)):
                return

    def _framed(self, kind: Kind) -> None:
        """A depiction: the object faded, on paper, in a frame."""
        rng = self.rng
        paper, wood = colour(rng, (40, 50), 0.15, 0.9), colour(rng, (25, 35, 210), 0.4, 0.35)
        pose = Pose(rng.uniform(0.3, 0.6) * (self.width * self.height) ** 0.5, rng.uniform(-8, 8), rng.random() < 0.5)
        picture = faded(drawn(posed(kind.sketch(rng), pose, (self.width * 0.7, self.height * 0.7))), paper, 0.25)
        height, width = picture.cover.shape
        x, y = (rng.uniform(side / 2, whole - side / 2) for side, whole in ((width, self.width), (height, self.height)))
        half_x, half_y, edge = width * 0.6 + 5, height * 0.6 + 5, rng.uniform(3, 6)
        frame = [
            Piece(box(0, 0, 2 * half_x, 2 * half_y), wood),
            Piece(box(edge, edge, 2 * half_x - edge, 2 * half_y - edge), paper),
        ]
        self._add(Thing(None, drawn(frame).centred(x, y)))
        self._add(Thing(kind.name, picture.centred(x, y), depiction=True))

    def _add(self, thing: Thing) -> bool:
        """Put the thing in front of the others, unless it or one of them would be hidden too much."""
        there, here = window(thing.patch, self.width, self.height)
        owner = self.owner.copy()
        owner[there][thing.patch.mask[here]] = len(self.things)
        everything = [*self.things, thing]
        seen = np.bincount(owner.ravel() + 1, minlength=len(everything) + 1)[1:]
        if any(t.name and seen[i] < LEAST_VISIBLE * t.patch.mask.sum() for i, t in enumerate(everything)):
            return False
        self.things, self.owner = everything, owner
        return True


def _gathered(rng: random.Random, kind: Kind) -> Sketch:
    """A flock or a heap of 6 to 14, each of them different, touching or nearly so."""
    count, apart = rng.randint(6, 14), rng.uniform(0.55, 0.85)
    pieces: Sketch = []
    for i in reversed(range(count)):
        distance, angle = apart * (i + 0.3) ** 0.5, i * 2.399963
        pieces += moved(
            kind.sketch(rng),
            distance * float(np.cos(angle)),
            distance * float(np.sin(angle)),
            scale=rng.uniform(0.45, 0.65),
            turn=rng.uniform(-kind.tilt, kind.tilt),
        )
    return pieces
