"""The choice of classes against a search that tries every set of labels, on tiny trees."""

import math
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oi_tasks.core.bound import most_bits
from oi_tasks.core.choice import Program, Wish, choose, most_covered
from oi_tasks.core.homes import Forest


@st.composite
def trees(draw: st.DrawFn) -> Forest:
    count = draw(st.integers(1, 7))
    home = {
        f"/m/{child}": draw(st.sampled_from([None, *(f"/m/{above}" for above in range(child))]))
        for child in range(count)
    }
    return Forest(home, {label: draw(st.integers(0, 30)) for label in home})


def every_choice(forest: Forest, least: int) -> list[tuple[int, int, float]]:
    """(classes, covered, bits) of every set of labels that are all large enough."""
    found = []
    for number in range(1, len(forest.home) + 1):
        for classes in combinations(sorted(forest.home), number):
            sizes = dict.fromkeys(classes, 0)
            for label, own in forest.own.items():
                at: str | None = label
                while at is not None and at not in sizes:
                    at = forest.home[at]
                if at is not None:
                    sizes[at] += own
            if min(sizes.values()) >= least:
                whole = sum(sizes.values())
                bits = sum(size / whole * math.log2(whole / size) for size in sizes.values())
                found.append((number, whole, bits))
    return found


def best_path(choices: list[tuple[int, int, float]], budgets: range) -> float:
    """The most bits of all budgets together, when none covers less than the one before."""
    best: dict[int, float] = {}  # by what the last budget's choice covers
    for budget in budgets:
        now: dict[int, float] = {}
        for number, covered, bits in choices:
            if number <= budget:
                before = [total for less, total in best.items() if less <= covered]
                if before or not best:
                    now[covered] = max(now.get(covered, -1.0), bits + max(before, default=0.0))
        best = now or best
    return max(best.values(), default=0.0)


@settings(max_examples=120)
@given(trees(), st.integers(1, 25), st.floats(0, 1))
def test_against_every_choice(forest: Forest, least: int, share: float) -> None:
    wish = Wish(len(forest.home), least, share * sum(forest.own.values()))
    every = every_choice(forest, least)
    fitting = [one for one in every if one[1] >= wish.target]
    assert most_covered(forest, wish) == max((covered for _, covered, _ in every), default=0)
    program = Program(forest, wish)
    if wish.target > most_covered(forest, wish) or not fitting:
        return
    frontier = program.run()
    path = choose(program, frontier)
    bits = [float(program.bits(frontier)[row]) for row in path if row >= 0 and frontier.count[row]]
    covered = [int(program.total - frontier.open[row]) for row in path if row >= 0]
    assert covered == sorted(covered)
    assert sum(bits) == pytest.approx(best_path(fitting, range(1, len(program.candidates) + 1)), abs=1e-6)
    assert most_bits(program, frontier) == pytest.approx(max(one[2] for one in fitting), abs=1e-9)


def test_where_it_cannot_weigh_everything_the_bound_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    home: dict[str, str | None] = {f"/m/{top}{child}": f"/m/{top}" for top, child in product("abc", "123456")}
    home |= dict.fromkeys(("/m/a", "/m/b", "/m/c"))
    forest = Forest(home, {label: 10 + sum(map(ord, label)) * 37 % 101 for label in home})
    wish = Wish(9, 5, 0.7 * sum(forest.own.values()))
    exact = Program(forest, wish)
    best = most_bits(exact, exact.run())
    assert exact.exact
    monkeypatch.setattr("oi_tasks.core.choice.WIDE", 64)
    coarse = Program(forest, wish)
    frontier = coarse.run()
    assert not coarse.exact
    reached = coarse.bits(frontier)[frontier.count <= wish.most].max()
    assert reached <= best + 1e-9 <= most_bits(coarse, frontier) + 2e-9
    assert reached > 0.9 * best
