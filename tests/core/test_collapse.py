"""Class collapsing: every label decided once, within the budget, the same every time."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oi_tasks.core.clusters import group, slug
from oi_tasks.core.collapse import Correction, collapse, entropy_bits
from oi_tasks.core.hierarchy import Edge, Hierarchy
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


def test_too_small_rolls_up_and_parts_never_do() -> None:
    fates = collapse(SMALL, SIZES, max_classes=10, min_size=10)
    assert fates["/m/duck"].cls == "/m/bird"
    assert fates["/m/duck"].rule == "rolled up: too few examples"
    assert fates["/m/wheel"].cls is None
    assert fates["/m/wheel"].rule == "dropped: too few examples, and nothing to roll up into"
    assert fates["/m/fish"].cls == "/m/fish"
    assert fates["/m/vehicle"].rule == "dropped: no examples"


def test_the_budget_merges_the_smallest_first() -> None:
    fates = collapse(SMALL, SIZES, max_classes=3, min_size=1)
    assert {fate.cls for fate in fates.values() if fate.cls} == {"/m/bird", "/m/fish", "/m/car"}
    assert fates["/m/duck"].rule == "rolled up: over the budget of classes"


def test_a_label_in_two_places_goes_where_more_examples_are() -> None:
    hierarchy = tree("root animal", "root food", "animal duck", "food duck", "food apple", "animal fish")
    fates = collapse(hierarchy, {"/m/duck": 5, "/m/apple": 100, "/m/fish": 30}, max_classes=10, min_size=10)
    assert fates["/m/duck"].cls in (None, "/m/food")
    fates = collapse(hierarchy, {"/m/duck": 5, "/m/apple": 10, "/m/food": 10, "/m/animal": 99}, 10, 10)
    assert fates["/m/duck"].cls == "/m/animal"


@pytest.mark.parametrize(
    ("corrections", "said"),
    [
        ([Correction("/m/none", "keep")], "no label"),
        ([Correction("/m/duck", "merge")], "into"),
        ([Correction("/m/duck", "merge", "/m/duck")], "itself"),
        ([Correction("/m/duck", "keep"), Correction("/m/duck", "drop")], "two overrides"),
        ([Correction("/m/duck", "merge", "/m/wheel"), Correction("/m/wheel", "drop")], "dropped"),
        ([Correction(f"/m/{name}", "keep") for name in ("duck", "bird", "fish")], "more labels"),
    ],
)
def test_corrections_without_sense_are_refused(corrections: list[Correction], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        collapse(SMALL, SIZES, max_classes=2, min_size=1, corrections=corrections)


def test_corrections_come_last() -> None:
    made = [Correction("/m/duck", "keep"), Correction("/m/car", "drop"), Correction("/m/fish", "merge", "/m/bird")]
    fates = collapse(SMALL, SIZES, max_classes=5, min_size=10, corrections=made)
    assert fates["/m/duck"] == type(fates["/m/duck"])("/m/duck", "kept: by hand")
    assert fates["/m/car"].cls is None
    assert fates["/m/fish"].cls == "/m/bird"


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


@settings(max_examples=150, deadline=None)
@given(forests(), st.integers(1, 10), st.integers(1, 40))
def test_what_always_holds(forest: tuple[Hierarchy, dict[str, int]], budget: int, least: int) -> None:
    hierarchy, sizes = forest
    fates = collapse(hierarchy, sizes, budget, least)
    classes = {fate.cls for fate in fates.values() if fate.cls is not None}
    assert set(fates) == (set(hierarchy.labels) | set(sizes)) - set(hierarchy.roots)
    assert len(classes) <= budget
    totals = Counter(
        {cls: sum(sizes.get(label, 0) for label, fate in fates.items() if fate.cls == cls) for cls in classes}
    )
    assert all(total >= least for total in totals.values())
    for label, fate in fates.items():
        if fate.cls is not None:
            assert fate.cls == label or fate.cls in hierarchy.ancestors(label)
            assert fates[fate.cls].cls == fate.cls
    assert fates == collapse(hierarchy, dict(reversed(sizes.items())), budget, least)


def test_entropy_of_equal_sizes_is_the_log() -> None:
    assert entropy_bits([7] * 16) == pytest.approx(4)
    assert entropy_bits([1, 3]) == pytest.approx(-(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75)))


def test_clusters_take_the_narrowest_shared_name() -> None:
    clusters = group(SMALL, {"/m/bird": 10, "/m/duck": 20, "/m/car": 50, "/m/fish": 0})
    assert [(cluster.head, cluster.classes) for cluster in clusters] == [
        ("/m/car", ("/m/car",)),
        ("/m/bird", ("/m/bird", "/m/duck")),
    ]
    assert slug("Human face & body") == "human-face-body"
