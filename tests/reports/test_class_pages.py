"""The pages of the hierarchy and of the classes, and what is found in the real hierarchy."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oi_tasks.core.class_table import class_document, clusters_for_people
from oi_tasks.core.collapse import Asked, Collapsed, collapse
from oi_tasks.core.hierarchy import Edge, Hierarchy, read_edges
from oi_tasks.reports.classes import ClassesChosen, by_level, classes_page, curve, sentence
from oi_tasks.reports.hierarchy import draw, hierarchy_page
from oi_tasks.reports.hierarchy_findings import HierarchyFinding, hierarchy_findings, paths
from tests.conftest import shared_folder
from tests.core.test_collapse import SIZES, SMALL, tree
from tests.reports.test_quality_page import Tags

NAMES = {"/m/bird": "Bird", "/m/fish": "Fish <&>", "/m/car": "Car"}


def chosen(
    hierarchy: Hierarchy, names: dict[str, str], own: dict[str, int], total: int, least: int = 10
) -> tuple[Collapsed, ClassesChosen]:
    done = collapse(hierarchy, own, Asked(76, least, 0.91 * total))
    document = class_document(hierarchy, names, done, total, 24)
    return done, ClassesChosen(
        classes=document["classes"],
        labels=document["labels"],
        clusters=clusters_for_people(hierarchy, names, document["classes"]),
        names=names,
        levels=hierarchy.levels,
        own=own,
        total=total,
        covered={"boxes": document["coverage"]},
        bits=document["bits"],
        bound=document["bound"],
    )


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    done, told = chosen(SMALL, NAMES, SIZES, 250)
    return {"hierarchy": hierarchy_page(SMALL, NAMES, done.forest, told.labels), "classes": classes_page(told)}


@pytest.mark.parametrize("name", ["hierarchy", "classes"])
def test_a_page_fetches_nothing_and_shows_what_comes_from_outside_as_text(pages: dict[str, str], name: str) -> None:
    for attribute, value in Tags(pages[name]).attributes:
        assert attribute not in ("src", "href") or (value or "").startswith("data:"), (attribute, value)
    assert "url(" not in pages[name]
    assert "Fish <&>" not in pages[name]
    assert "Fish &lt;&amp;&gt;" in pages[name]


def test_every_label_is_drawn_once_and_its_fate_is_told(pages: dict[str, str]) -> None:
    drawn = re.findall(r'<g class="(\w+)" data-words="[^"]* (/m/\w+)">', pages["hierarchy"])
    assert sorted(label for _, label in drawn) == sorted(label for label in SMALL.labels if label != "/m/root")
    assert {label: fate for fate, label in drawn}["/m/duck"] == "up"
    assert {label: fate for fate, label in drawn}["/m/wheel"] == "dropped"
    rows = pages["classes"].split('id="labels"')[1]
    assert rows.count("<tr>") == 1 + len(SMALL.labels) - 1
    assert "rolled up: too few examples" in rows


def test_no_label_is_drawn_over_another() -> None:
    done, told = chosen(SMALL, NAMES, SIZES, 250)
    places = [(node.x, node.y) for node in draw(NAMES, done.forest, told.labels).nodes]
    for one, (x, y) in enumerate(places):
        assert all(abs(y - other_y) >= 18 for other_x, other_y in places[:one] if other_x == x)


def test_no_line_runs_through_a_label() -> None:
    done, told = chosen(SMALL, NAMES, SIZES, 250)
    nodes = draw(NAMES, done.forest, told.labels).nodes
    texts = {
        node.y: node.x + node.radius + 4 + 7 * len(f"{node.name} {node.boxes:,}") for node in nodes if not node.leaf
    }
    starts = [node.parent for node in nodes if node.parent[1] in texts and done.forest.home[node.label] is not None]
    assert starts
    assert all(x > texts[y] for x, y in starts)


def with_changes(**changes: Any) -> ClassesChosen:
    return replace(chosen(SMALL, NAMES, SIZES, 250)[1], **changes)


def test_persons_are_told_of_only_where_there_are_some_and_left_out_clusters_are_counted_apart() -> None:
    one = {"title": "Bird", "classes": ["/m/bird"], "human": False, "note": ""}
    plain = classes_page(with_changes(clusters=[one, one]))
    assert "Persons, their parts" not in plain
    assert "<dt>Clusters</dt><dd>2</dd>" in plain
    other = classes_page(with_changes(clusters=[one | {"human": True}, one | {"note": "too few photos"}]))
    assert "Persons, their parts" in other
    assert "<dt>Clusters</dt><dd>1, and 1 left out</dd>" in other


def test_a_share_has_one_form_and_bits_are_explained() -> None:
    told = with_changes(covered={"boxes": 1.0})
    assert "cover 100\N{NO-BREAK SPACE}% of 250 boxes" in sentence(told)
    page = classes_page(told)
    assert "100.00" not in page
    assert "Bits are the entropy" in page


def test_coverage_by_level_adds_up() -> None:
    _, told = chosen(SMALL, NAMES, SIZES, 250)
    rows = by_level(told)
    assert sum(row["classes"] for row in rows) == len(told.classes)
    assert sum(row["share"] for row in rows) == pytest.approx(told.covered["boxes"], abs=1e-6)
    drawn = curve([60, 30], 100)
    heights = [drawn["bottom"] - y for _, y in drawn["points"]]
    assert heights[1] / heights[0] == pytest.approx(90 / 60)


def found(hierarchy: Hierarchy, names: dict[str, str], *used: str) -> dict[str, HierarchyFinding]:
    return {finding.code: finding for finding in hierarchy_findings(hierarchy, names, used)}


CLEAN = tree("root animal", "root car", "animal bird", "car wheel Part")
CLEAN_NAMES = {f"/m/{name}": name for name in ("root", "animal", "car", "bird", "wheel")}


def test_a_clean_hierarchy_has_no_finding() -> None:
    assert found(CLEAN, CLEAN_NAMES, "/m/bird") == {}


def with_edges(*edges: Edge) -> Hierarchy:
    return Hierarchy([*CLEAN.edges, *edges])


@pytest.mark.parametrize(
    ("code", "hierarchy", "names", "used", "labels"),
    [
        ("no_hierarchy", Hierarchy([]), {}, (), [""]),
        ("hierarchy_cycle", with_edges(Edge("Part", "/m/bird", "/m/animal", 3, 0)), CLEAN_NAMES, (), ["/m/animal"]),
        ("hierarchy_roots", with_edges(Edge("Subcategory", "/m/other", "/m/x", 1, 0)), CLEAN_NAMES, (), ["/m/other", "/m/root"]),
        ("label_unreachable", with_edges(Edge("Subcategory", "/m/x", "/m/x", 1, 0)), CLEAN_NAMES, (), ["/m/x"]),
        ("label_outside", CLEAN, CLEAN_NAMES, ("/m/moon",), ["/m/moon"]),
        ("edge_two_kinds", with_edges(Edge("Subcategory", "/m/car", "/m/wheel", 2, 1)), CLEAN_NAMES, (), ["/m/wheel"]),
        ("label_undescribed", CLEAN, {label: name for label, name in CLEAN_NAMES.items() if label != "/m/bird"}, (), ["/m/bird"]),
        ("name_twice", CLEAN, CLEAN_NAMES | {"/m/bird": "CAR"}, (), ["/m/bird", "/m/car"]),
        ("description_unused", CLEAN, CLEAN_NAMES | {"/m/moon": "moon"}, (), ["/m/moon"]),
        ("label_in_several_places", with_edges(Edge("Subcategory", "/m/car", "/m/bird", 2, 1)), CLEAN_NAMES, (), ["/m/bird"]),
    ],
)  # fmt: skip
def test_each_fault_is_found(
    code: str, hierarchy: Hierarchy, names: dict[str, str], used: tuple[str, ...], labels: list[str]
) -> None:
    findings = found(hierarchy, names, *used)
    assert [label for label, _ in findings[code].rows] == labels


def test_the_paths_of_a_label_in_several_places() -> None:
    hierarchy = with_edges(Edge("Subcategory", "/m/car", "/m/bird", 2, 1), Edge("Part", "/m/bird", "/m/wheel", 2, 1))
    assert paths(hierarchy, "/m/wheel") == [
        ("/m/animal", "›", "/m/bird", "∋", "/m/wheel"),
        ("/m/car", "›", "/m/bird", "∋", "/m/wheel"),
        ("/m/car", "∋", "/m/wheel"),
    ]


@pytest.fixture(scope="module")
def real(real_photos: Path) -> tuple[Hierarchy, dict[str, str]]:
    edges = read_edges(json.loads((real_photos / "bbox_labels_600_hierarchy.json").read_text()))
    rows = csv.reader((real_photos / "class-descriptions-boxable.csv").read_text().splitlines())
    return Hierarchy(edges), dict(rows)  # type: ignore[arg-type]


def test_the_real_hierarchy(real: tuple[Hierarchy, dict[str, str]]) -> None:
    hierarchy, names = real
    findings = found(hierarchy, names)
    assert len(findings["label_in_several_places"].rows) == 190
    parents: dict[str, set[str]] = {}
    for edge in hierarchy.edges:
        parents.setdefault(edge.child, set()).add(edge.parent)
    assert sum(len(above) > 1 for above in parents.values()) == 83
    assert dict(findings["label_in_several_places"].rows)["/m/01226z"]
    assert [label for label, _ in findings["label_undescribed"].rows] == ["/m/0bl9f"]  # the root, Entity
    assert not {"hierarchy_cycle", "label_unreachable", "edge_two_kinds", "hierarchy_roots"} & set(findings)


def test_the_real_pages(real: tuple[Hierarchy, dict[str, str]]) -> None:
    hierarchy, names = real
    counts = shared_folder("data/v4-metadata") / "v4-train-box-counts.csv"
    own: dict[str, Any] = {
        row["LabelName"]: int(row["TrainBoxes"]) for row in csv.DictReader(counts.read_text().splitlines())
    }
    done, told = chosen(hierarchy, names, own, 14_610_229, 10_000)
    page = hierarchy_page(hierarchy, names, done.forest, told.labels)
    Tags(page)
    Tags(classes_page(told))
    assert page.count('<g class="') == 601
