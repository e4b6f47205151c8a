"""The choice of classes: at most so many, each large enough, covering the target, and as even as can be.

A dynamic program over the forest of homes. A class holds what is below it and in no class further down; what is in no
class is not covered. The evenness is the entropy of the classes' sizes x in what they cover, C:
log2(C) − Σ x·log2(x) / C. The program is exact as long as no frontier has to be thinned, as on the real release; where
one is, `core.bound` says how far off the choice can be.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oi_tasks.core.frontier import WORD, Frontier, Index, Rules, either, joined, nothing_chosen, thinned
from oi_tasks.core.homes import Forest

WIDE = 1 << 15  # selections that are all carried on; the real release needs 24,000
NARROW = 1 << 13  # about so many are, once there were more
PAIRS = 1 << 20  # selections joined at once at the most
DECIMALS = 9  # to which bits are compared


@dataclass(frozen=True)
class Wish:
    """What is asked: at most `most` classes of at least `least` examples, which cover at least `target` examples.

    `kept` are classes whatever their size, `never` are none.
    """

    most: int
    least: int
    target: float
    kept: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()


class Program:
    """The dynamic program on one forest. `exact`: no frontier had to be thinned so far."""

    def __init__(self, forest: Forest, wish: Wish, *, ideal: bool = False) -> None:
        self.forest, self.wish, self.ideal = forest, wish, ideal
        self.exact = True
        self.least = max(wish.least, 1)
        whole = forest.whole
        # In the order of ties: of a label and what alone is below it the narrower one, then by MID.
        self.candidates = [
            label
            for label in sorted(forest.home, key=lambda label: (-len(forest.line(label)), label))
            if label in wish.kept or (whole[label] >= self.least and label not in wish.never)
        ]
        self.rank = {label: place for place, label in enumerate(self.candidates)}
        self.words = max(1, -(-len(self.candidates) // WORD))
        self.total = sum(whole[label] for label in forest.tops)
        self.scale = 2.0 ** (49 - math.ceil(math.log2(self.total * math.log2(self.total + 1) + 1)))
        self.weight = dict.fromkeys(forest.upward, 0)  # candidates at and below a label
        for label in forest.upward:
            self.weight[label] += label in self.rank
            above = forest.home[label]
            if above is not None:
                self.weight[above] += self.weight[label]

    def families(self) -> list[Frontier]:
        """The selections of each top that can hold a class, those with most candidates first."""
        done: dict[str, Frontier] = {}
        rules = Rules(0 if self.ideal else self.least)
        for label in self.forest.upward:
            if self.weight[label]:
                below = self.forest.below[label]
                none = nothing_chosen(self.idle(below) + self.forest.own.get(label, 0), self.words)
                found = self.together(none, below, done, rules)
                if label in self.rank:
                    found = self._with(label, found, rules)
                if self.forest.home[label] is None:
                    found = found.at(np.flatnonzero(found.open <= self.total - self.wish.target))
                done[label] = self._thin(found, WIDE // 4, self.weight[label] + 1)
        return [done[top] for top in self._busy(self.forest.tops)]

    def run(self) -> Frontier:
        """The selections of the whole forest that cover the target; what they leave open is not covered."""
        tops = self.forest.tops
        families = dict(zip(self._busy(tops), self.families(), strict=True))
        rules = Rules(0, self.total - self.wish.target)
        return self.together(nothing_chosen(self.idle(tops), self.words), tops, families, rules)

    def together(self, found: Frontier, labels: list[str], done: dict[str, Frontier], rules: Rules) -> Frontier:
        """What is found below some labels joined, one after the other."""
        weight = 1
        for label in self._busy(labels):
            other = done.pop(label)
            found = self._thin(found, min(WIDE, PAIRS // max(len(other), 1)), weight)
            found = joined(found, other, rules)
            weight += self.weight[label]
        return found

    def _busy(self, labels: Iterable[str]) -> list[str]:
        return sorted((label for label in labels if self.weight[label]), key=lambda label: (-self.weight[label], label))

    def idle(self, labels: Iterable[str]) -> int:
        """Examples of what can hold no class: open from the first, which lets more selections be beaten."""
        return sum(self.forest.whole[label] for label in labels if not self.weight[label])

    def _thin(self, found: Frontier, most: int, weight: int) -> Frontier:
        """All selections, or, if they are too many, a quarter of that, as many of each number of classes."""
        if len(found) <= most:
            return found
        self.exact = False
        return thinned(found, max(min(NARROW, most // 4) // weight, 8), self.ideal)

    def _with(self, label: str, found: Frontier, rules: Rules) -> Frontier:
        """The same selections, and those with the label itself as a class that takes what is open."""
        kept = label in self.wish.kept
        fits = found.open >= (0 if kept or self.ideal else self.least)
        taken = found.at(np.flatnonzero(fits))
        word, bit = divmod(self.rank[label], WORD)
        chosen = taken.chosen.copy()
        chosen[:, word] |= np.uint64(1 << (WORD - 1 - bit))
        disorder = taken.disorder + self.disorder(taken.open)
        closed = Frontier(taken.count + 1, np.zeros_like(taken.open), disorder, chosen)
        return either(found.at(np.arange(0)) if kept else found, closed, rules)

    def disorder(self, sizes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Each size times its log2, scaled to whole numbers."""
        values = sizes.astype(float)
        found: NDArray[np.int64] = np.rint(values * np.log2(np.maximum(values, 1)) * self.scale).astype(np.int64)
        return found

    def bits(self, found: Frontier) -> NDArray[np.float64]:
        """Entropy of each selection."""
        covered = np.maximum(self.total - found.open, 1).astype(float)
        bits: NDArray[np.float64] = np.log2(covered) - found.disorder / self.scale / covered
        return bits

    def labels(self, chosen: NDArray[np.uint64]) -> frozenset[str]:
        """The labels of a selection's bits."""
        words = [int(word) for word in chosen]
        return frozenset(
            label for label, place in self.rank.items() if words[place // WORD] >> (WORD - 1 - place % WORD) & 1
        )


def choose(program: Program, frontier: Frontier) -> list[int]:
    """For each budget in turn, from no class to one for each candidate, the row of the frontier that is chosen.

    Of two budgets the larger never covers less; within that, the bits of all budgets together are as many as can be.
    Where the most even choices cover more with each budget anyhow, these are the ones. Ties: more covered, then fewer
    classes, then the narrower ones, then by MID. -1: the target is out of reach.
    """
    covered, bits = program.total - frontier.open, np.maximum(program.bits(frontier), 0).round(DECIMALS)
    order = np.lexsort((-frontier.count, covered))
    covered, bits, count = covered[order], bits[order], frontier.count[order]
    no_more = np.searchsorted(covered, covered, side="right") - 1  # the last row that covers as little
    ways = np.full(len(order), -np.inf)  # the most bits of all budgets so far, if a row is the last one's choice
    befores: list[Index] = []
    for budget in range(len(program.candidates) + 1):
        most = np.maximum.accumulate(ways)
        befores.append(np.maximum.accumulate(np.where(ways >= most, np.arange(len(order)), 0))[no_more])
        start = np.where(np.isinf(most[no_more]), 0.0, most[no_more])
        begun = not np.isinf(ways).all()
        allowed = (count <= budget) & (~np.isinf(most[no_more]) | (not begun))
        ways = np.where(allowed, start + bits, -np.inf)
    path = [int(np.flatnonzero(ways == ways.max())[-1])] if len(order) else []
    for before, budget in zip(befores[:0:-1], range(len(befores) - 1, 0, -1), strict=True):
        path.append(int(before[path[-1]]) if path[-1] >= 0 and (count <= budget - 1).any() else -1)
    return [int(order[place]) if place >= 0 else -1 for place in reversed(path)]


def most_covered(forest: Forest, wish: Wish) -> int:
    """The most examples that so many classes can cover: those kept by hand, then the largest of the tops."""
    gains, covered = [], 0
    held = dict.fromkeys(forest.home, 0)  # examples at and below a label that classes kept by hand hold
    for label in forest.upward:
        if label in wish.kept:
            held[label] = forest.whole[label]
        above = forest.home[label]
        if above is not None:
            held[above] += held[label]
        else:
            covered += held[label]
            gains.append(forest.whole[label] - held[label])
    enough = sorted((gain for gain in gains if gain >= max(wish.least, 1)), reverse=True)
    return covered + sum(enough[: wish.most - len(wish.kept)])
