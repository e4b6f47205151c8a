"""The hierarchy: both kinds of edge, several places, levels, families."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oi_tasks.core.hierarchy import Edge, Hierarchy, read_edges

TREE = {
    "LabelName": "/m/root",
    "Subcategory": [
        {
            "LabelName": "/m/animal",
            "Subcategory": [{"LabelName": "/m/bird", "Subcategory": [{"LabelName": "/m/duck"}]}],
        },
        {"LabelName": "/m/vehicle", "Subcategory": [{"LabelName": "/m/car", "Part": [{"LabelName": "/m/wheel"}]}]},
        {"LabelName": "/m/food", "Subcategory": [{"LabelName": "/m/duck"}]},
    ],
}


@pytest.fixture(scope="module")
def hierarchy() -> Hierarchy:
    return Hierarchy(read_edges(TREE))


def test_edges_in_reading_order_with_depth_and_occurrence() -> None:
    edges = list(read_edges(TREE))
    assert Edge("Part", "/m/car", "/m/wheel", 3, 0) in edges
    assert [(edge.parent, edge.occurrence) for edge in edges if edge.child == "/m/duck"] == [
        ("/m/bird", 0),
        ("/m/food", 1),
    ]


def test_a_part_is_not_a_kind(hierarchy: Hierarchy) -> None:
    assert hierarchy.ancestors("/m/wheel") == ()
    assert hierarchy.descendants("/m/car") == ()
    assert hierarchy.family("/m/wheel") == ()


def test_a_label_in_two_places_has_both_lines(hierarchy: Hierarchy) -> None:
    assert hierarchy.parents("/m/duck") == ("/m/bird", "/m/food")
    assert hierarchy.ancestors("/m/duck") == ("/m/bird", "/m/food", "/m/animal")
    assert hierarchy.family("/m/duck") == ("/m/animal", "/m/food")


def test_levels_count_from_the_roots_children(hierarchy: Hierarchy) -> None:
    assert hierarchy.roots == ("/m/root",)
    assert {label: hierarchy.levels[label] for label in ("/m/animal", "/m/bird", "/m/duck", "/m/wheel")} == {
        "/m/animal": 0,
        "/m/bird": 1,
        "/m/duck": 1,
        "/m/wheel": 2,
    }


def test_a_node_without_a_name_is_refused() -> None:
    with pytest.raises(KeyError):
        list(read_edges({"LabelName": "/m/root", "Subcategory": [{"Subcategory": []}]}))


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=20))
def test_walks_end_even_on_cycles(pairs: list[tuple[int, int]]) -> None:
    hierarchy = Hierarchy(Edge("Subcategory", f"/m/{a}", f"/m/{b}", 1, 0) for a, b in pairs)
    for label in hierarchy.labels:
        assert label not in hierarchy.descendants(label)
        for below in hierarchy.descendants(label):
            assert label in hierarchy.ancestors(below) or label in hierarchy.roots


def test_the_real_hierarchy(real_photos) -> None:
    tree = json.loads((real_photos / "bbox_labels_600_hierarchy.json").read_text())
    edges = list(read_edges(tree))
    hierarchy = Hierarchy(edges)
    counts: dict[str, int] = {}
    for edge in edges:
        counts[edge.child] = counts.get(edge.child, 0) + 1
    assert len(edges) + 1 == 848
    assert len(hierarchy.labels) == 602
    assert sum(count > 1 for count in counts.values()) == 190
    assert len({(edge.parent, edge.child) for edge in edges if edge.kind == "Part"}) == 38
