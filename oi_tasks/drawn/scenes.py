"""One drawn photo: the things on it, and the boxes and image labels that follow from what can be seen of them."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from oi_tasks.drawn.grounds import GROUNDS, Pixels, background
from oi_tasks.drawn.hierarchy import related
from oi_tasks.drawn.kinds import KINDS, Kind, company
from oi_tasks.drawn.paint import exposed, put, window
from oi_tasks.drawn.stage import Stage, Thing

SIZES = ((256, 128), (192, 192), (128, 256))
"""Width and height before variation, about equal in area: 2:1, 1:1 and 1:2."""
COARSER = {
    "Car": "Vehicle",
    "Bus": "Vehicle",
    "Boat": "Watercraft",
    "Apple": "Fruit",
    "Orange": "Fruit",
    "Bird": "Animal",
    "Fish": "Animal",
    "Cat": "Mammal",
}
COARSE_SHARE = 0.07
"""On this share of the photos with such a label, an annotator gave the label above in its place, as in Open Images."""
HIDDEN, CUT = 0.03, 0.01
"""From this share of its pixels on, an object counts as occluded, and as truncated."""


@dataclass(frozen=True)
class Box:
    """A box of the release: label by name, normalised coordinates, flags 1, 0 or −1 (unknown)."""

    name: str
    x_min: float
    x_max: float
    y_min: float
    y_max: float
    occluded: int
    truncated: int
    group: int
    depiction: int
    inside: int = 0


@dataclass(frozen=True)
class Scene:
    """A photo before the camera, and what an annotator says of it."""

    ground: Pixels
    things: tuple[Thing, ...]
    """Back to front."""
    boxes: tuple[Box, ...]
    present: tuple[str, ...]
    """Labels verified as present: those of the boxes."""
    absent: tuple[str, ...]
    """Labels verified as absent."""
    source: str
    """How the boxes were made: `xclick` (extreme clicking) or `activemil`."""
    exposure: int
    """Seed of the light, blur and noise of the picture."""

    def photo(self) -> Image.Image:
        """The finished picture, the same at each call."""
        canvas = self.ground.copy()
        for thing in self.things:
            put(canvas, thing.patch)
        return exposed(canvas, random.Random(self.exposure), np.random.default_rng(self.exposure))


def photo_id(seed: int, name: str) -> str:
    """16 hex digits, as Open Images names its photos."""
    return hashlib.blake2b(f"drawn photo {seed} {name}".encode(), digest_size=8).hexdigest()


def compose(seed: int, name: str, main: Kind) -> Scene:
    """The scene of photo `name`: it depends on these three alone, not on how many photos there are."""
    rng = random.Random(f"scene {seed} {name}")
    noise = np.random.default_rng(rng.getrandbits(64))
    width, height = rng.choices(SIZES, (35, 40, 25))[0]
    stage = Stage(rng, noise, round(width * rng.uniform(0.9, 1.08)), round(height * rng.uniform(0.92, 1.08)))
    grounds = main.grounds if rng.random() < 0.75 else tuple(GROUNDS)
    ground = background(rng, noise, rng.choice(grounds), stage.width, stage.height)
    for _ in range(rng.randint(0, 4)):
        stage.clutter(0.1, 0.5)
    stage.main_object(main)
    for kind in company(rng, main, rng.choices((0, 1, 2, 3, 4), (52, 24, 13, 7, 4))[0]):
        stage.extra_object(kind)
    if rng.random() < 0.25:
        for _ in range(rng.randint(1, 2)):
            stage.clutter(0.12, 0.4)
    return _annotated(stage, ground)


def _annotated(stage: Stage, ground: Pixels) -> Scene:
    rng = stage.rng
    shown = {thing.name for thing in stage.things if thing.name}
    boxes = [_thing_box(stage, i) for i, thing in enumerate(stage.things) if thing.name]
    if _wheels_are_clear(stage.things) and rng.random() < 0.5:
        boxes += [box for i in range(len(stage.things)) for box in _part_boxes(stage, i)]
        shown.add("Wheel")
    coarse = {name for name in sorted(shown & COARSER.keys()) if rng.random() < COARSE_SHARE}
    boxes = [replace(box, name=COARSER[box.name]) if box.name in coarse else box for box in boxes]
    if rng.random() < 0.03:
        boxes = [replace(box, occluded=-1, truncated=-1, group=-1, depiction=-1, inside=-1) for box in boxes]
    present = tuple(sorted({box.name for box in boxes}))
    wheeled = shown & {"Car", "Bus", "Bicycle"}
    others = [kind.name for kind in KINDS] + ([] if wheeled else ["Wheel"])
    free = [name for name in others if not any(related(name, known) for known in shown.union(present))]
    absent = tuple(sorted(rng.sample(free, rng.choices((0, 1, 2, 3), (30, 35, 25, 10))[0])))
    source = "activemil" if rng.random() < 0.06 else "xclick"
    return Scene(ground, tuple(stage.things), tuple(boxes), present, absent, source, rng.getrandbits(64))


def _thing_box(stage: Stage, index: int) -> Box:
    thing = stage.things[index]
    found = _seen(stage, index, thing.patch.mask)
    if thing.name is None or found is None:
        raise ValueError(f"thing {index} has no label or cannot be seen")
    return Box(thing.name, *found, int(thing.group), int(thing.depiction))


def _part_boxes(stage: Stage, index: int) -> Iterator[Box]:
    for name, mask in stage.things[index].patch.parts:
        found = _seen(stage, index, mask)
        if found:
            yield Box(name, *found, 0, 0)


def _seen(stage: Stage, index: int, mask: NDArray[np.bool_]) -> tuple[float, float, float, float, int, int] | None:
    """Extent of what can be seen of a mask of thing `index`, occluded, truncated; None if nothing can."""
    there, here = window(stage.things[index].patch, stage.width, stage.height)
    inside = mask[here]
    seen = inside & (stage.owner[there] == index)
    if not seen.any():
        return None
    columns, rows = np.flatnonzero(seen.any(axis=0)) + there[1].start, np.flatnonzero(seen.any(axis=1)) + there[0].start
    return (
        float(columns[0] / stage.width),
        float((columns[-1] + 1) / stage.width),
        float(rows[0] / stage.height),
        float((rows[-1] + 1) / stage.height),
        int(seen.sum() < (1 - HIDDEN) * inside.sum()),
        int(inside.sum() < (1 - CUT) * mask.sum()),
    )


def _wheels_are_clear(things: list[Thing]) -> bool:
    """Can each wheel have its box? Not in a group, a depiction or a small car; a bicycle's have another label."""
    wheeled = [thing for thing in things if thing.name in ("Car", "Bus", "Bicycle")]
    return bool(wheeled) and all(
        thing.name != "Bicycle" and not thing.group and not thing.depiction and thing.patch.cover.shape[1] >= 60
        for thing in wheeled
    )
