"""The detection metric of a cascade on a split, and the rules of boxes that are chosen by it, on the chain's cascade."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from oi_tasks.core.bootstrap import Resamples
from oi_tasks.io.shards import ShardReader
from oi_tasks.io.tracking import Tracking
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.models.box_rules import BoxRules, FoundBox
from oi_tasks.models.cascade import Cascade
from oi_tasks.models.detections import Truth, map_with_interval, paired_map, with_chosen_rules
from tests.conftest import Chain
from tests.core.plain_map import plain_map

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cascade(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Cascade:
    version = chain.said["evaluate"]["result"]["candidate"]
    return Cascade.load(Tracking(chain.settings).download(CASCADE, version, tmp_path_factory.mktemp("candidate")))


def found_in(cascade: Cascade, reader: ShardReader) -> list[tuple[FoundBox, ...]]:
    return [cascade.predict_images([sample.image])[0].boxes for sample in reader.samples()]


def tree_of(chain: Chain) -> dict[str, Any]:
    """The release's hierarchy, nested as it is published."""
    below: dict[str, list[tuple[str, str]]] = defaultdict(list)
    edges = pl.read_parquet(chain.output("validate").local("edges.parquet"))
    for row in edges.iter_rows(named=True):
        below[row["parent"]].append((row["kind"], row["child"]))
    (root,) = set(below) - {child for found in below.values() for _, child in found}

    def node(label: str) -> dict[str, Any]:
        made: dict[str, Any] = {"LabelName": label}
        for kind, child in below[label]:
            made.setdefault(kind, []).append(node(child))
        return made

    return node(root)


def test_the_evaluations_map_is_the_plain_metrics(chain: Chain, cascade: Cascade) -> None:
    reader, labels = ShardReader(chain.output("shards"), "test"), cascade.classes
    boxes, verified, predictions = [], [], []
    for sample, found in zip(reader.samples(), found_in(cascade, reader), strict=True):
        boxes += [(sample.id, labels[box["class"]], tuple(box["box"]), box["group"] == 1) for box in sample.boxes]
        there = {box["class"] for box in sample.boxes} | set(sample.present)
        verified += [(sample.id, label, False) for place, label in enumerate(labels) if place not in there]
        predictions += [(sample.id, box.label, box.box, box.score) for box in found]
    plain = plain_map(tree_of(chain), boxes, verified, predictions, expand_predictions=True)
    expected = np.mean([plain[label][0] for label in labels if label in plain])
    assert chain.said["evaluate"]["result"]["numbers"]["cascade"]["map"] == pytest.approx(expected, abs=1e-4)
    assert 0 < expected < 1


def test_a_perfect_cascade_has_a_map_of_one_and_an_interval_without_width(chain: Chain, cascade: Cascade) -> None:
    reader = ShardReader(chain.output("shards"), "test")
    truth = Truth.of(reader, cascade.meta.ancestors)
    perfect = truth.judge(
        [
            [FoundBox(cascade.classes[box["class"]], tuple(box["box"]), 0.9) for box in reader.boxes(row)]
            for row in range(len(reader))
        ]
    )
    drawn = Resamples(len(reader), count=50)
    whole = map_with_interval(perfect, drawn)
    assert (whole.value, whole.low, whole.high) == pytest.approx((1, 1, 1))
    ours = truth.judge(found_in(cascade, reader))
    number, against = map_with_interval(ours, drawn), paired_map(ours, perfect, drawn)
    assert number.low < number.value < number.high
    assert (against.candidate, against.champion) == pytest.approx((number.value, 1))
    assert (against.difference, against.high) == pytest.approx((number.value - 1, number.high - 1), abs=1e-9)


def test_the_chosen_rules_are_published_and_do_no_worse_on_tune(chain: Chain, cascade: Cascade) -> None:
    tune = ShardReader(chain.output("shards"), "tune")
    published = chain.output("evaluate").read_json("cascade.json")
    assert published == cascade.pinned.model_dump(mode="json")
    assert set(cascade.pinned.rules) == set(cascade.clusters)
    again = with_chosen_rules(cascade, tune, cascade.meta.ancestors)
    assert again == cascade.pinned
    truth = Truth.of(tune, cascade.meta.ancestors)
    chosen = float(truth.judge(found_in(cascade, tune)).mean())
    plainly = cascade.pinned.model_copy(
        update={"rules": {slug: BoxRules() for slug in cascade.clusters}, "duplicates": 1.0}
    )
    bare = Cascade((cascade.classifier, cascade.meta), cascade.semseg, plainly)
    assert chosen >= float(truth.judge(found_in(bare, tune)).mean()) - 1e-9


def test_a_cascade_without_rules_of_its_own_still_loads(cascade: Cascade, tmp_path: Path) -> None:
    from oi_tasks.models.cascade import Pinned

    old = Pinned.model_validate({"parts": {"oi-classifier": 1}, "dataset": "0" * 20, "classes_key": "k"})
    assert old.rules == {}
    assert old.duplicates == 1.0
