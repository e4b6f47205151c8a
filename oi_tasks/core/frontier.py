"""What the choice of classes weighs: for each number of classes the selections that no other one beats.

A selection below a label leaves some examples open, which go to a class above it, and has a disorder: the sum of
x · log2(x) over its classes' sizes x. Less open at less disorder is better whatever is chosen above, so only such
selections are carried on (Pareto dominance, as in the dynamic programs for knapsacks on trees). Disorder is kept in
whole numbers, so that sums do not depend on their order.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Index = NDArray[np.intp]
WORD = 64
MOST_DISORDER = 1 << 50  # times the number of classes, it still fits 64 bits


@dataclass(frozen=True)
class Frontier:
    """Selections, by their number of classes, then by what they leave open, then by disorder.

    `count`: classes, (n,). `open`: examples that no class holds, (n,). `disorder`: (n,), below MOST_DISORDER.
    `chosen`: (n, words), one bit for each candidate, in the order of ties: of equal selections the larger
    number wins.
    """

    count: Ints
    open: Ints
    disorder: Ints
    chosen: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.open)

    def at(self, index: Index) -> "Frontier":
        """Some of them."""
        return Frontier(self.count[index], self.open[index], self.disorder[index], self.chosen[index])


def nothing_chosen(open_examples: int, words: int) -> Frontier:
    """The one selection without classes."""
    none = np.zeros(1, np.int64)
    return Frontier(none, none + open_examples, none, np.zeros((1, words), np.uint64))


@dataclass(frozen=True)
class Rules:
    """How selections are compared: a class needs `least` examples, and no selection leaves more than so many open."""

    least: int = 0
    may_stay_open: float = math.inf


def joined(left: Frontier, right: Frontier, rules: Rules) -> Frontier:
    """Every selection of one with every selection of the other, the beaten ones left out."""
    count = np.add.outer(left.count, right.count).ravel()
    opened = np.add.outer(left.open, right.open).ravel()
    disorder = np.add.outer(left.disorder, right.disorder).ravel()
    index = unbeaten(count, opened, disorder, rules)
    mine, theirs = np.divmod(index, max(len(right), 1))
    return first_of_equal(
        Frontier(count[index], opened[index], disorder[index], left.chosen[mine] | right.chosen[theirs])
    )


def either(left: Frontier, right: Frontier, rules: Rules) -> Frontier:
    """The selections of both, the beaten ones left out."""
    both = Frontier(
        np.r_[left.count, right.count],
        np.r_[left.open, right.open],
        np.r_[left.disorder, right.disorder],
        np.concatenate([left.chosen, right.chosen]),
    )
    return first_of_equal(both.at(unbeaten(both.count, both.open, both.disorder, rules)))


def unbeaten(count: Ints, opened: Ints, disorder: Ints, rules: Rules) -> Index:
    """The selections within the rules that none beats, in order; of equal ones all.

    Examples left open, if fewer than a class needs, may decide whether a label above can be a class at all: such
    selections beat only those that leave exactly as many open.
    """
    within = np.flatnonzero(opened <= rules.may_stay_open)
    order = within[np.lexsort((disorder[within], opened[within], count[within]))]
    count, opened, disorder = count[order], opened[order], disorder[order]
    if not len(order):
        return order
    new = np.r_[True, (count[1:] != count[:-1]) | (opened[1:] != opened[:-1])]
    group = np.cumsum(new) - 1
    lowest = disorder[new]
    # Of several counts the later one's disorders are all lower, so that the running minimum starts anew with each.
    stepped = lowest + (int(count[-1]) - count[new]) * MOST_DISORDER
    small = opened[new] < rules.least
    stepped[small] = np.iinfo(np.int64).max
    before = np.r_[np.iinfo(np.int64).max, np.minimum.accumulate(stepped)[:-1]]
    keep = small | (stepped < before)
    index: Index = order[keep[group] & (disorder == lowest[group])]
    return index


def first_of_equal(frontier: Frontier) -> Frontier:
    """Of selections that are equal in all, the first. They stand in order, by all but what is chosen."""
    if _new(frontier).all():
        return frontier
    words = [~frontier.chosen[:, word] for word in reversed(range(frontier.chosen.shape[1]))]
    frontier = frontier.at(np.lexsort((*words, frontier.disorder, frontier.open, frontier.count)))
    return frontier.at(np.flatnonzero(_new(frontier)))


def _new(frontier: Frontier) -> NDArray[np.bool_]:
    """Which selections differ from the one before."""
    new = np.zeros(len(frontier), bool)
    new[:1] = True
    for column in (frontier.count, frontier.open, frontier.disorder):
        new[1:] |= column[1:] != column[:-1]
    return new


def thinned(frontier: Frontier, most: int, ideal: bool) -> Frontier:
    """At most so many selections of each number of classes, and the one that leaves least open, spread over the rest.

    `ideal`: one stands for all up to the next, and is as even as any of them, so that it bounds the best of them.
    """
    starts = np.flatnonzero(np.r_[True, frontier.count[1:] != frontier.count[:-1]])
    sizes = np.diff(np.r_[starts, len(frontier)])
    if sizes.max() <= most:
        return frontier
    cuts = np.concatenate(
        [
            start + np.linspace(0, size, min(size, most), endpoint=False).astype(np.intp)
            for start, size in zip(starts, sizes, strict=True)
        ]
    )
    if ideal:
        some = frontier.at(cuts)
        return Frontier(some.count, some.open, np.minimum.reduceat(frontier.disorder, cuts), some.chosen)
    # Of each part the one furthest below the line from the first to the last selection of its number of classes.
    ends = starts + sizes - 1
    fall = (frontier.disorder[starts] - frontier.disorder[ends]) / np.maximum(
        1, frontier.open[ends] - frontier.open[starts]
    )
    above = frontier.disorder + np.repeat(fall, sizes) * frontier.open
    part = np.repeat(np.arange(len(cuts)), np.diff(np.r_[cuts, len(frontier)]))
    lowest = np.flatnonzero(above == np.minimum.reduceat(above, cuts)[part])
    return frontier.at(np.union1d(starts, lowest[np.unique(part[lowest], return_index=True)[1]]))
