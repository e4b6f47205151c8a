"""The detection metric: clause by clause, and against a slow, plain second implementation on thousands of cases."""

import random
from typing import Any

import numpy as np
import pytest

from oi_tasks.core import openimages_map
from oi_tasks.core.bootstrap import Resamples
from oi_tasks.core.hierarchy import Hierarchy, read_edges
from oi_tasks.core.openimages_map import BoxTable, ImageLabels, Judgement, Lineage, judge
from tests.core.plain_map import plain_map

# Entity: Animal (Bird (Duck), Dog), Vehicle (Car, with the part Wheel (Tyre)), Pet (Dog)
TREE: dict[str, Any] = {
    "LabelName": "entity",
    "Subcategory": [
        {
            "LabelName": "animal",
            "Subcategory": [
                {"LabelName": "bird", "Subcategory": [{"LabelName": "duck"}]},
                {"LabelName": "dog"},
            ],
        },
        {
            "LabelName": "vehicle",
            "Subcategory": [
                {"LabelName": "car", "Part": [{"LabelName": "wheel", "Subcategory": [{"LabelName": "tyre"}]}]}
            ],
        },
        {"LabelName": "pet", "Subcategory": [{"LabelName": "dog"}]},
    ],
}
LABELS = ("animal", "bird", "car", "dog", "duck", "entity", "pet", "tyre", "vehicle", "wheel", "unheard-of")
LINEAGE = Lineage.of(LABELS, Hierarchy(read_edges(TREE)))
PHOTOS = ("a", "b", "c", "d")


def table(rows: list[tuple], last: str) -> BoxTable:
    photo = np.array([PHOTOS.index(row[0]) for row in rows], dtype=np.int64)
    label = np.array([LABELS.index(row[1]) for row in rows], dtype=np.int64)
    box = np.array([row[2] for row in rows], dtype=float).reshape(-1, 4)
    if last == "group":
        return BoxTable.true(photo, label, box, np.array([row[3] for row in rows], dtype=bool))
    return BoxTable.predicted(photo, label, box, np.array([row[3] for row in rows], dtype=float))


def judged(boxes: list[tuple], labels: list[tuple], predictions: list[tuple], expand: bool = False) -> Judgement:
    verified = ImageLabels(
        np.array([PHOTOS.index(row[0]) for row in labels], dtype=np.int64),
        np.array([LABELS.index(row[1]) for row in labels], dtype=np.int64),
        np.array([row[2] for row in labels], dtype=bool),
    )
    return judge(table(boxes, "group"), verified, table(predictions, "score"), LINEAGE, expand)


def scored(*case: Any, expand: bool = False) -> dict[str, float]:
    found = judged(*case, expand=expand)
    return {LABELS[label]: float(value) for label, value in zip(found.classes, found.average_precisions(), strict=True)}


ALL, LEFT, RIGHT, TOP = (0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 0.5)
SMALL, FAR = (0.1, 0.1, 0.2, 0.2), (0.8, 0.8, 0.9, 0.9)
DUCK = ("a", "duck", LEFT, False)


@pytest.mark.parametrize(
    ("what", "boxes", "labels", "predictions", "expected"),
    [
        (
            "a box counts for each ancestor, not for the root",
            [DUCK],
            [],
            [("a", label, LEFT, 0.9) for label in ("duck", "bird", "animal", "entity")],
            {"duck": 1, "bird": 1, "animal": 1},
        ),
        (
            "a label with two parents counts for both, once",
            [("a", "dog", LEFT, False)],
            [],
            [("a", "pet", LEFT, 0.9), ("a", "animal", RIGHT, 0.9), ("a", "animal", LEFT, 0.8)],
            {"dog": 0, "pet": 1, "animal": 0.5},
        ),
        (
            "a part is not a kind of its whole, but what is a kind of a part is",
            [("a", "tyre", LEFT, False)],
            [],
            [("a", "tyre", LEFT, 0.9), ("a", "wheel", LEFT, 0.9), ("a", "car", LEFT, 0.9)],
            {"tyre": 1, "wheel": 1},
        ),
        (
            "predictions are taken as given: a duck is no bird",
            [DUCK],
            [],
            [("a", "duck", LEFT, 0.9)],
            {"duck": 1, "bird": 0, "animal": 0},
        ),
        (
            "what is not verified in a photo is ignored there",
            [DUCK],
            [],
            [("b", "duck", LEFT, 0.99), ("a", "duck", LEFT, 0.9), ("a", "dog", LEFT, 0.95)],
            {"duck": 1, "bird": 0, "animal": 0},
        ),
        (
            "verified absent: a prediction is false",
            [DUCK],
            [("b", "duck", False)],
            [("b", "duck", LEFT, 0.99), ("a", "duck", LEFT, 0.9)],
            {"duck": 0.5, "bird": 0, "animal": 0},
        ),
        (
            "verified absent holds for descendants, not for ancestors",
            [DUCK],
            [("b", "bird", False)],
            [
                ("b", "duck", LEFT, 0.99),
                ("b", "animal", LEFT, 0.99),
                ("a", "duck", LEFT, 0.9),
                ("a", "animal", LEFT, 0.9),
            ],
            {"duck": 0.5, "bird": 0, "animal": 1},
        ),
        (
            "verified present holds for ancestors, not for descendants",
            [DUCK],
            [("b", "bird", True)],
            [
                ("b", "duck", LEFT, 0.99),
                ("b", "animal", LEFT, 0.99),
                ("a", "duck", LEFT, 0.9),
                ("a", "animal", LEFT, 0.9),
            ],
            {"duck": 1, "bird": 0, "animal": 0.5},
        ),
        (
            "a second hit on a box is false",
            [("a", "pet", LEFT, False), ("a", "pet", RIGHT, False)],
            [],
            [("a", "pet", LEFT, 0.9), ("a", "pet", LEFT, 0.8), ("a", "pet", RIGHT, 0.7)],
            {"pet": (1 + 2 / 3) / 2},
        ),
        (
            "it does not fall to the next best box",
            [("a", "pet", ALL, False), ("a", "pet", (0.0, 0.0, 1.0, 0.9), False)],
            [],
            [("a", "pet", ALL, 0.9), ("a", "pet", ALL, 0.8)],
            {"pet": 0.5},
        ),
        (
            "the better score hits first, wherever it stands",
            [("a", "pet", LEFT, False)],
            [],
            [("a", "pet", (0.0, 0.0, 0.5, 0.9), 0.5), ("a", "pet", LEFT, 0.9)],
            {"pet": 1},
        ),
        (
            "an overlap of exactly one half is a hit",
            [("a", "pet", ALL, False)],
            [],
            [("a", "pet", LEFT, 0.9)],
            {"pet": 1},
        ),
        (
            "a smaller one is none",
            [("a", "pet", ALL, False)],
            [],
            [("a", "pet", (0.0, 0.0, 0.49, 1.0), 0.9)],
            {"pet": 0},
        ),
        (
            "a group is one true box, found by the best of those within; the others do not count",
            [("a", "pet", LEFT, True), ("a", "pet", RIGHT, False)],
            [],
            [("a", "pet", SMALL, 0.9), ("a", "pet", SMALL, 0.8), ("a", "pet", RIGHT, 0.7)],
            {"pet": 1},
        ),
        (
            "a group that nobody finds is a missed box",
            [("a", "pet", LEFT, True), ("a", "pet", RIGHT, False)],
            [],
            [("a", "pet", RIGHT, 0.7)],
            {"pet": 0.5},
        ),
        (
            "exactly half within is within; less is false",
            [("a", "pet", LEFT, True)],
            [],
            [("a", "pet", (0.3, 0.0, 0.8, 1.0), 0.9), ("a", "pet", (0.25, 0.0, 0.75, 1.0), 0.8)],
            {"pet": 0.5},
        ),
        (
            "a hit on a single box is not the group's",
            [("a", "pet", ALL, True), ("a", "pet", LEFT, False)],
            [],
            [("a", "pet", LEFT, 0.9)],
            {"pet": 0.5},
        ),
        (
            "a second hit within a group is the group's",
            [("a", "pet", ALL, True), ("a", "pet", LEFT, False)],
            [],
            [("a", "pet", LEFT, 0.9), ("a", "pet", LEFT, 0.8)],
            {"pet": 1},
        ),
        (
            "photos share one ranking",
            [("a", "pet", LEFT, False), ("b", "pet", LEFT, False)],
            [],
            [("a", "pet", LEFT, 0.9), ("b", "pet", RIGHT, 0.8), ("b", "pet", LEFT, 0.7)],
            {"pet": (1 + 2 / 3) / 2},
        ),
        ("nothing predicted", [DUCK], [], [], {"duck": 0, "bird": 0, "animal": 0}),
        ("nothing true", [], [("a", "duck", True)], [("a", "duck", LEFT, 0.5)], {}),
        (
            "a label outside the hierarchy stands alone",
            [("a", "unheard-of", LEFT, False)],
            [],
            [("a", "unheard-of", LEFT, 0.1)],
            {"unheard-of": 1},
        ),
        (
            "an empty prediction is false",
            [("a", "pet", LEFT, False)],
            [],
            [("a", "pet", (0.1, 0.1, 0.1, 0.1), 0.9), ("a", "pet", LEFT, 0.5)],
            {"pet": 0.5},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_clause_by_clause(what: str, boxes: list, labels: list, predictions: list, expected: dict) -> None:
    assert scored(boxes, labels, predictions) == pytest.approx(expected), what


def test_expanded_predictions_count_for_ancestors_with_the_best_score_of_equal_boxes() -> None:
    boxes = [DUCK, ("b", "dog", LEFT, False)]
    said = [("a", "duck", LEFT, 0.9), ("b", "dog", LEFT, 0.2), ("b", "animal", LEFT, 0.8), ("b", "animal", RIGHT, 0.5)]
    assert scored(boxes, [], said, expand=True) == pytest.approx(
        {"duck": 1, "bird": 1, "animal": 1, "dog": 1, "pet": 1}
    )
    found = judged(boxes, [], said, expand=True)
    assert found.predictions[LABELS.index("animal")] == 3  # the dog and the animal in one place are one
    assert found.predictions[LABELS.index("pet")] == 1


def a_case(draw: random.Random) -> tuple[list, list, list]:
    """Boxes on a coarse grid, so that overlaps tie and reach one half exactly; few labels, so that they meet."""

    def box() -> tuple[float, ...]:
        left, right = sorted(draw.sample(range(9), 2))
        top, bottom = sorted(draw.sample(range(9), 2))
        return left / 8, top / 8, right / 8, bottom / 8

    labels = draw.sample(LABELS, draw.randint(1, 5))
    boxes = [(draw.choice(PHOTOS), draw.choice(labels), box(), draw.random() < 0.3) for _ in range(draw.randint(0, 12))]
    verified = [(draw.choice(PHOTOS), draw.choice(labels), draw.random() < 0.5) for _ in range(draw.randint(0, 6))]
    near = [(photo, label, where) for photo, label, where, _ in boxes]
    predictions = []
    for number in range(draw.randint(0, 25)):
        photo, label, where = draw.choice(near) if near and draw.random() < 0.5 else ("a", "pet", box())
        if draw.random() < 0.6:
            photo, label, where = draw.choice(PHOTOS), draw.choice(labels), box() if draw.random() < 0.5 else where
        predictions.append((photo, label, where, (draw.randrange(1000) + number / 100) / 1000))
    return boxes, verified, predictions


@pytest.mark.parametrize("expand", [False, True], ids=["as given", "expanded"])
@pytest.mark.slow
def test_thousands_of_random_cases_against_the_plain_one(expand: bool, monkeypatch) -> None:
    draw, seen = random.Random(7), 0
    for number in range(1200):
        monkeypatch.setattr(openimages_map, "PAIRS", 3 if number % 2 else 1 << 20)  # in stretches, and at once
        boxes, labels, predictions = a_case(draw)
        expected = plain_map(TREE, boxes, labels, predictions, expand)
        found = judged(boxes, labels, predictions, expand)
        values = dict(zip((LABELS[label] for label in found.classes), found.average_precisions(), strict=True))
        assert values == pytest.approx({label: ap for label, (ap, _, _) in expected.items()}, abs=1e-12)
        for label, (_, count, said) in expected.items():
            assert (found.boxes[LABELS.index(label)], found.predictions[LABELS.index(label)]) == (count, said)
        seen += any(0 < ap < 1 for ap in values.values())
    assert seen > 240  # the cases are no trivial ones


def test_a_resample_is_the_metric_of_the_photos_drawn() -> None:
    """Weights against the metric on a data set that holds each photo as often as it was drawn."""
    draw = random.Random(3)
    for _ in range(50):
        boxes, labels, predictions = a_case(draw)
        found = judged(boxes, labels, predictions)
        if not len(found.classes):
            continue
        times = np.array([[2, 0, 1, 1], [1, 1, 1, 1], [0, 0, 3, 1]], dtype=float)
        values = found.average_precisions(times)
        assert values.shape == (3, len(found.classes))
        for row, counts in enumerate(times):
            copies = [(photo, copy) for place, photo in enumerate(PHOTOS) for copy in range(int(counts[place]))]
            again = [
                [(f"{photo}{copy}", *row[1:]) for photo, copy in copies for row in rows if row[0] == photo]
                for rows in (boxes, labels, predictions)
            ]
            expected = plain_map(TREE, *again)
            for label, value in zip(found.classes, values[row], strict=True):
                if LABELS[label] in expected:
                    assert value == pytest.approx(expected[LABELS[label]][0])
                else:
                    assert np.isnan(value)
        assert found.mean(times)[1] == pytest.approx(np.mean(found.average_precisions()))


def test_the_means_of_all_resamples_are_those_of_the_drawn_photos_whatever_threads(monkeypatch) -> None:
    draw, told = random.Random(5), 0
    for _ in range(30):
        boxes, labels, predictions = a_case(draw)
        found, drawn = judged(boxes, labels, predictions), Resamples(len(PHOTOS), seed=1, count=12)
        values = drawn.over(found.mean, len(PHOTOS))
        for value, times in zip(values, np.concatenate(list(drawn.weights())), strict=True):
            copies = [(photo, copy) for place, photo in enumerate(PHOTOS) for copy in range(int(times[place]))]
            again = [
                [(f"{photo}{copy}", *row[1:]) for photo, copy in copies for row in rows if row[0] == photo]
                for rows in (boxes, labels, predictions)
            ]
            expected = [ap for ap, _, _ in plain_map(TREE, *again).values()]
            assert value == pytest.approx(np.mean(expected) if expected else np.nan, nan_ok=True)
            told += bool(expected)
        for block, threads in ((4, 3), (20, 1)):
            monkeypatch.setattr("oi_tasks.core.bootstrap.BLOCK", block)
            monkeypatch.setattr("oi_tasks.core.bootstrap.THREADS", threads)
            assert drawn.over(found.mean, len(PHOTOS)).tobytes() == values.tobytes()
        monkeypatch.undo()
    assert told > 100
