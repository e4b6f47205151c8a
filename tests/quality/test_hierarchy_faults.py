"""What can be wrong with a hierarchy, and what is found in the real one."""

import json
from itertools import pairwise
from pathlib import Path

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from oi_tasks.core.hierarchy import Edge, read_edges
from oi_tasks.io.tables import open_table
from oi_tasks.quality.hierarchy_faults import hierarchy_faults
from tests.quality.conftest import Frames, Judge, add, frame


def tree(*pairs: str) -> list[Edge]:
    return [Edge("Subcategory", pair[0], pair[1], 1, 0) for pair in pairs]


def test_a_tree_has_none() -> None:
    faults = hierarchy_faults(tree("ra", "rb", "ac", "ad"))
    assert faults.roots == ({"root": "r"},)
    assert (faults.cycles, faults.unreachable, faults.two_kinds, faults.several_places) == ((), (), (), ())


def test_cycles_are_told_from_parent_to_child() -> None:
    assert hierarchy_faults(tree("ra", "ab", "bc", "ca")).cycles == ({"cycle": "a → b → c → a"},)
    assert hierarchy_faults(tree("ra", "aa")).cycles == ({"cycle": "a → a"},)
    assert len(hierarchy_faults(tree("ra", "ab", "ba", "rc", "cd", "dc")).cycles) == 2


def test_a_cycle_through_a_part_is_one() -> None:
    edges = [*tree("ra", "ab"), Edge("Part", "b", "a", 3, 0)]
    assert len(hierarchy_faults(edges).cycles) == 1


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=15))
def test_cycles_against_a_plain_search(pairs: list[tuple[int, int]]) -> None:
    below: dict[int, set[int]] = {}
    for parent, child in pairs:
        below.setdefault(parent, set()).add(child)

    def reaches_itself(label: int) -> bool:
        seen: set[int] = set()
        left = list(below.get(label, ()))
        while left:
            here = left.pop()
            if here not in seen:
                seen.add(here)
                left += below.get(here, ())
        return label in seen

    cycles = hierarchy_faults(Edge("Part", str(a), str(b), 1, 0) for a, b in pairs).cycles
    assert bool(cycles) == any(reaches_itself(label) for label in below)
    for cycle in cycles:
        labels = cycle["cycle"].split(" → ")
        assert labels[0] == labels[-1]
        assert all((int(a), int(b)) in pairs for a, b in pairwise(labels))


def test_the_real_hierarchy(real_photos: Path, frames: Frames, judge: Judge) -> None:
    """848 nodes, 602 labels, of which 190 stand more than once and one, the root, has no description."""
    edges = [
        vars(edge) for edge in read_edges(json.loads((real_photos / "bbox_labels_600_hierarchy.json").read_text()))
    ]
    frames["edges"] = frame("edges", edges)
    read = open_table(real_photos / "class-descriptions-boxable.csv", "descriptions", "real")
    frames["descriptions"] = pl.concat(read.frames())
    for table in ("boxes", "image_labels"):
        frames[table] = frames[table].with_columns(
            LabelName=pl.col("LabelName").replace({"/m/cat": "/m/01yrx", "/m/dog": "/m/0bt9lr"})
        )
    quality = judge(frames)
    assert {one["code"]: (one["severity"], one["count"]) for one in quality["findings"]} == {
        "label_in_several_places": ("info", 190),
        "root_undescribed": ("info", 1),
    }
    assert quality["rows"]["edges"]["in"] + 1 == 848
    assert quality["rows"]["descriptions"] == {"in": 601, "added": 1, "out": 602, "set_apart": 0}
    assert quality["verdict"] == "pass"
    (root,) = (one["examples"] for one in quality["findings"] if one["code"] == "root_undescribed")
    assert root[0]["LabelName"] == "/m/0bl9f"


def test_examples_are_at_most_twenty(frames: Frames, judge: Judge) -> None:
    for place in range(30):
        frames["descriptions"] = add(frames["descriptions"], LabelName=f"/m/b{place}", DisplayName=f"Bird {place}")
    (finding,) = judge(frames)["findings"]
    assert (finding["count"], len(finding["examples"])) == (30, 20)
