"""How many bits the best choice of classes can have.

Where the program was exact, that is the most of what it weighed. Else it is bounded by Lagrangian duality: for a price
of each example left open, the least disorder plus price is the sum of what is least for each family, which is quick to
find; each price gives a lower bound of the disorder of any selection, and so an upper bound of its bits.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oi_tasks.core.choice import Program
from oi_tasks.core.frontier import Frontier

PRICES = 48
PIECES = 2000  # of the range of what may stay open

Floats = NDArray[np.float64]


def most_bits(program: Program, frontier: Frontier) -> float:
    """No choice within the wish has more bits than this."""
    if program.exact:
        bits = program.bits(frontier)[frontier.count <= program.wish.most]
        return max(0.0, float(bits.max())) if len(bits) else 0.0
    ideal = Program(program.forest, program.wish, ideal=True)
    prices = np.linspace(0, 3 * math.log2(program.total + 1), PRICES)
    least = _least_disorder(ideal, ideal.families(), prices)
    may_stay_open = max(0.0, program.total - program.wish.target)
    edges = np.linspace(0, may_stay_open, PIECES + 1)
    disorder = np.maximum(0, (least - np.outer(edges[1:], prices)).max(axis=1))
    covered = np.maximum(program.total - edges[:-1], 1)
    bound = float((np.log2(covered) - disorder / covered).max())
    return max(0.0, min(bound, math.log2(program.wish.most)))


def _least_disorder(program: Program, families: Sequence[Frontier], prices: Floats) -> Floats:
    """For each price, the least of disorder plus price of at most `most` classes; (prices,)."""
    most = program.wish.most
    sums = np.full((most + 1, len(prices)), np.inf)
    sums[0] = prices * program.idle(program.forest.tops)
    for family in families:
        own = _by_count(program, family, prices, most)
        joined = np.full_like(sums, np.inf)
        for count, cost in enumerate(own):
            joined[count:] = np.minimum(joined[count:], sums[: most + 1 - count] + cost)
        sums = joined
    found: Floats = sums.min(axis=0)
    return found


def _by_count(program: Program, family: Frontier, prices: Floats, most: int) -> Floats:
    """For each number of classes and each price, the least of disorder plus price in a family; (counts, prices)."""
    few = family.at(np.flatnonzero(family.count <= most))
    costs = (few.disorder / program.scale)[:, None] + np.outer(few.open, prices)
    least = np.full((int(few.count.max(initial=0)) + 1, len(prices)), np.inf)
    np.minimum.at(least, few.count, costs)
    return least
