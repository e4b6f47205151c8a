"""What is drawn: each kind of object with its share of the photos, its sketch and the grounds that it is found on."""

import bisect
import itertools
import random
from dataclasses import dataclass

from oi_tasks.drawn import animals, produce, vehicles
from oi_tasks.drawn.shapes import Sketcher


@dataclass(frozen=True)
class Kind:
    """One label that is drawn."""

    name: str
    weight: int
    """Its share of the photos' main objects, among `TOTAL_WEIGHT`."""
    family: str
    sketch: Sketcher
    grounds: tuple[str, ...]
    tilt: float
    """It is turned by up to so many degrees either way."""
    gathers: bool = True
    """Is it also drawn as a flock or a heap, one box around all?"""


RARE = ("Butterfly", "Carrot")
KINDS = (
    Kind("Car", 16, "Vehicle", vehicles.car, ("street", "meadow"), 12),
    Kind("Bird", 13, "Animal", animals.bird, ("sky", "meadow", "foliage"), 25),
    Kind("Fish", 11, "Animal", animals.fish, ("water", "table"), 40),
    Kind("Apple", 11, "Food", produce.apple, ("table", "foliage", "studio"), 50),
    Kind("Cat", 9, "Animal", animals.cat, ("room", "meadow", "table"), 15, gathers=False),
    Kind("Orange", 8, "Food", produce.orange, ("table", "foliage", "studio"), 180),
    Kind("Boat", 7, "Vehicle", vehicles.boat, ("water",), 12),
    Kind("Airplane", 7, "Vehicle", vehicles.airplane, ("sky", "street"), 40, gathers=False),
    Kind("Bus", 6, "Vehicle", vehicles.bus, ("street",), 10, gathers=False),
    Kind("Banana", 5, "Food", produce.banana, ("table", "studio"), 60),
    Kind("Bicycle", 4, "Vehicle", vehicles.bicycle, ("street", "meadow"), 15),
    Kind("Tomato", 4, "Food", produce.tomato, ("table", "foliage"), 60),
    Kind("Butterfly", 3, "Animal", animals.butterfly, ("foliage", "meadow"), 180),
    Kind("Carrot", 3, "Food", produce.carrot, ("table", "studio"), 180),
)
KIND_OF: dict[str, Kind] = {kind.name: kind for kind in KINDS}
_ENDS = list(itertools.accumulate(kind.weight for kind in KINDS))
TOTAL_WEIGHT = _ENDS[-1]
GOLDEN = (5**0.5 - 1) / 2


def main_kind(index: int, seed: int) -> Kind:
    """The kind that photo `index` is about.

    Steps of the golden ratio fill [0, 1) evenly, so that any first n photos hold each kind in its share, to a photo
    or two: the rare ones are neither absent nor common by chance.
    """
    start = random.Random(f"kinds {seed}").random()
    return KINDS[bisect.bisect_right(_ENDS, (start + index * GOLDEN) % 1.0 * TOTAL_WEIGHT)]


def company(rng: random.Random, main: Kind, count: int) -> list[Kind]:
    """`count` kinds to stand with the main one: often the same, else of its family, at times any; rare ones never."""
    common = [kind for kind in KINDS if kind.name not in RARE]
    family = [kind for kind in common if kind.family == main.family]
    chosen = []
    for _ in range(count):
        draw = rng.random()
        if draw < 0.45 and main.name not in RARE:
            chosen.append(main)
        else:
            among = family if draw < 0.9 else common
            chosen.append(rng.choices(among, [kind.weight for kind in among])[0])
    return chosen
