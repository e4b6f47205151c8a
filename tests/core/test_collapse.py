"""Class collapsing: every label decided once, within the budget, the same every time."""

import math
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oi_tasks.core.collapse import Asked, Fate, collapse, entropy_bits
from oi_tasks.core.corrections import Correction
from oi_tasks.core.hierarchy import Edge, Hierarchy
from oi_tasks.core.homes import FIXES
from oi_tasks.errors import BadInput


def tree(*lines: str) -> Hierarchy:
    """`parent child kind?` lines; the root is /m/root."""
    edges = []
    for line in lines:
        parent, child, *kind = line.split()
        edges.append(Edge(kind[0] if kind else "Subcategory", f"/m/{parent}", f"/m/{child}", 1, 0))
    return Hierarchy(edges)


SMALL = tree("root animal", "root vehicle", "animal bird", "animal fish", "bird duck", "vehicle car", "car wheel Part")
SIZES = {"/m/bird": 50, "/m/duck": 5, "/m/fish": 100, "/m/car": 80, "/m/wheel": 3}


def fates_of(
    hierarchy: Hierarchy, sizes: dict[str, int], most: int, least: int, *made: Correction, covered: int = 0
) -> dict[str, Fate]:
    return dict(collapse(hierarchy, sizes, Asked(most, least, covered), made).fates)


def test_too_small_rolls_up_and_parts_never_do() -> None:
    fates = fates_of(SMALL, SIZES, 10, 10)
    assert fates["/m/duck"] == Fate("/m/bird", "rolled up: too few examples")
    assert fates["/m/wheel"] == Fate(None, "dropped: too few examples, and nothing above")
    assert fates["/m/fish"] == Fate("/m/fish", "kept")


def test_the_budget_makes_them_as_even_as_can_be() -> None:
    fates = fates_of(SMALL, SIZES, 3, 1)
    assert {fate.cls for fate in fates.values() if fate.cls} == {"/m/bird", "/m/fish", "/m/car"}
    assert fates["/m/duck"].rule == "rolled up: over the budget of classes"
    assert fates["/m/vehicle"].rule == "dropped: all its examples are in classes below it, and nothing above"


def test_a_label_in_two_places_goes_where_more_examples_are() -> None:
    hierarchy = tree("root animal", "root food", "animal duck", "food duck", "food apple", "animal fish")
    fates = fates_of(hierarchy, {"/m/duck": 5, "/m/apple": 8, "/m/food": 20, "/m/fish": 30}, 10, 10, covered=63)
    assert fates["/m/duck"] == Fate("/m/animal", "rolled up: too few examples; of its 2 places the larger one")


def test_a_family_too_small_for_a_class_claims_nothing() -> None:
    # More examples are below /m/tool than below /m/kitchen, but no class can stand there.
    hierarchy = tree("root tool", "root house", "house kitchen", "tool oven", "kitchen oven", "house lamp")
    fates = fates_of(hierarchy, {"/m/oven": 5, "/m/tool": 4, "/m/lamp": 90}, 10, 10, covered=95)
    assert fates["/m/oven"].cls == "/m/house"


def test_ties_go_by_mid() -> None:
    hierarchy = tree("root a", "root b", "root c", "root d")
    fates = fates_of(hierarchy, dict.fromkeys(("/m/d", "/m/c", "/m/b", "/m/a"), 7), 2, 1)
    assert [label for label, fate in fates.items() if fate.cls] == ["/m/a", "/m/b"]
    fates = fates_of(tree("root z", "z y"), {"/m/y": 7}, 1, 1)
    assert fates["/m/z"].cls is None


def test_out_of_reach_is_the_most_that_can_be_covered() -> None:
    done = collapse(SMALL, SIZES, Asked(1, 1, 1000))
    assert (done.reachable, done.covered, list(done.sizes)) == (155, 155, ["/m/animal"])


@pytest.mark.parametrize(
    ("corrections", "said"),
    [
        ([Correction("/m/none", "keep")], "no label"),
        ([Correction("/m/duck", "merge")], "into"),
        ([Correction("/m/duck", "merge", "/m/duck")], "itself"),
        ([Correction("/m/duck", "keep"), Correction("/m/duck", "drop")], "two overrides"),
        ([Correction("/m/duck", "merge", "/m/wheel"), Correction("/m/wheel", "drop")], "dropped"),
        ([Correction("/m/duck", "merge", "/m/wheel")], "/m/duck cannot merge into /m/wheel"),
        ([Correction("/m/bird", "merge", "/m/duck")], "which rolls up into"),
        ([Correction(f"/m/{name}", "keep") for name in ("duck", "bird", "fish")], "more labels"),
    ],
)
def test_corrections_without_sense_are_refused(corrections: list[Correction], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        collapse(SMALL, SIZES, Asked(2, 60), corrections)


def test_corrections_are_shown_and_reckoned_with() -> None:
    made = [Correction("/m/duck", "keep"), Correction("/m/car", "drop"), Correction("/m/fish", "merge", "/m/bird")]
    done = collapse(SMALL, SIZES, Asked(2, 10), made)
    assert done.fates["/m/duck"] == Fate("/m/duck", "kept: by hand")
    assert done.fates["/m/car"] == Fate(None, "dropped: by hand")
    assert done.fates["/m/fish"] == Fate("/m/bird", "merged: by hand")
    assert done.sizes == {"/m/bird": 150, "/m/duck": 5}


def test_what_rolled_up_into_a_dropped_label_rolls_up_past_it() -> None:
    fates = fates_of(SMALL, SIZES, 5, 60, Correction("/m/bird", "drop"), covered=188)
    assert fates["/m/duck"].cls == "/m/animal"


def test_fixes_can_be_switched_off() -> None:
    hierarchy = tree("root animal", "root food", "animal duck", "food duck", "food apple", "animal wing Part")
    sizes = {"/m/duck": 5, "/m/apple": 80, "/m/wing": 3, "/m/animal": 20, "/m/food": 12}
    asked = {"max_classes": 10, "min_size": 10, "target": 117, "nameless": {"/m/apple"}}
    on = collapse(hierarchy, sizes, Asked(**asked)).fates
    assert [on[f"/m/{name}"].cls for name in ("duck", "wing", "apple")] == ["/m/food", None, "/m/apple"]
    off = {fix: collapse(hierarchy, sizes, Asked(**asked, off=[fix])).fates for fix in FIXES}
    assert off["parts_stay_apart"]["/m/wing"].cls == "/m/animal"
    assert off["largest_place_wins"]["/m/duck"].cls == "/m/animal"
    assert off["nameless_keep_mid"]["/m/apple"] == Fate(None, "dropped: no description")


def test_a_cycle_ends() -> None:
    hierarchy = tree("root a", "a b", "b c", "c a")
    done = collapse(hierarchy, {"/m/a": 5, "/m/b": 6, "/m/c": 7}, Asked(1, 1, 18))
    assert done.covered == 18


@st.composite
def forests(draw: st.DrawFn) -> tuple[Hierarchy, dict[str, int]]:
    count = draw(st.integers(2, 14))
    edges = []
    for child in range(count):
        parents = draw(st.lists(st.integers(-1, child - 1), min_size=1, max_size=2, unique=True))
        for parent in parents:
            kind = draw(st.sampled_from(["Subcategory", "Subcategory", "Subcategory", "Part"]))
            edges.append(Edge(kind, "/m/root" if parent < 0 else f"/m/{parent:02}", f"/m/{child:02}", 1, 0))
    sizes = {f"/m/{child:02}": draw(st.integers(0, 60)) for child in range(count)}
    return Hierarchy(edges), sizes


@settings(max_examples=80, deadline=None)
@given(forests(), st.integers(1, 10), st.integers(1, 40), st.floats(0, 1))
def test_what_always_holds(forest: tuple[Hierarchy, dict[str, int]], budget: int, least: int, share: float) -> None:
    hierarchy, sizes = forest
    asked = Asked(budget, least, share * sum(sizes.values()))
    done = collapse(hierarchy, sizes, asked)
    fates = done.fates
    classes = {fate.cls for fate in fates.values() if fate.cls is not None}
    assert set(fates) == (set(hierarchy.labels) | set(sizes)) - set(hierarchy.roots)
    assert classes == set(done.sizes)
    assert len(classes) <= budget
    totals = {cls: sum(sizes.get(label, 0) for label, fate in fates.items() if fate.cls == cls) for cls in classes}
    assert totals == dict(done.sizes)
    assert all(total >= least for total in totals.values())
    assert done.covered >= min(asked.target, done.reachable)
    assert done.bits <= done.bound + 1e-9
    for label, fate in fates.items():
        if fate.cls is not None:
            assert fate.cls == label or fate.cls in hierarchy.ancestors(label)
            assert fates[fate.cls].cls == fate.cls


@settings(max_examples=30, deadline=None)
@given(forests(), st.integers(1, 40), st.floats(0, 1), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(
    forest: tuple[Hierarchy, dict[str, int]], least: int, share: float, random: Random
) -> None:
    hierarchy, sizes = forest
    asked = Asked(4, least, share * sum(sizes.values()))
    edges, items = list(hierarchy.edges), list(sizes.items())
    random.shuffle(edges)
    random.shuffle(items)
    assert collapse(Hierarchy(edges), dict(items), asked) == collapse(hierarchy, sizes, asked)


@settings(max_examples=20, deadline=None)
@given(forests(), st.integers(1, 40), st.floats(0, 1))
def test_a_larger_budget_never_covers_less_nor_less_evenly(
    forest: tuple[Hierarchy, dict[str, int]], least: int, share: float
) -> None:
    hierarchy, sizes = forest
    target = share * sum(sizes.values())
    done = [collapse(hierarchy, sizes, Asked(budget, least, target)) for budget in range(1, 15)]
    reached = [one for one in done if one.reachable >= target]
    for less, more in pairwise(reached):
        assert more.covered >= less.covered
        assert more.bits >= less.bits - 1e-9


def test_entropy_of_equal_sizes_is_the_log() -> None:
    assert entropy_bits([7] * 16) == pytest.approx(4)
    assert entropy_bits([1, 3]) == pytest.approx(-(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75)))
