"""The gate on an evaluation of full size: judging against only reading the evaluation's document."""

import json
from collections.abc import Iterator

from bench.measure import Figure, ratio
from oi_tasks.core.gate import Candidate, Limit, Limits, judge
from oi_tasks.core.slice_regressions import SliceLimit, SliceRow

CLASSES, OTHERS, CLUSTERS = 76, 60, 12


def figures() -> Iterator[Figure]:
    """76 classes and 60 further slices, 12 clusters: the judging as a share of reading the JSON."""
    pair = {"candidate": 0.8, "champion": 0.8, "difference": 0.0, "low": -0.001, "high": 0.001}
    number = {"value": 0.8, "low": 0.79, "high": 0.81}
    slices = [
        {"kind": "class", "value": f"/m/{place}", "name": str(place), "metric": "f1", "photos": 500, **pair}
        for place in range(CLASSES + OTHERS)
    ]
    parts = ["classifier", "cascade", *(f"semseg/{place}" for place in range(CLUSTERS))]
    document = {
        "numbers": {part: {"score": number} for part in parts},
        "paired": {f"{part}/score": pair for part in parts},
        "slices": slices,
    }
    text = json.dumps(document)
    groups = {group: {"score": Limit(floor=0.5, may_lose=0.01)} for group in ("classifier", "semseg", "cascade")}
    limits = Limits(groups, 20, SliceLimit(0.05, 0.05, 30))

    def gate() -> None:
        read = json.loads(text)
        rows = [SliceRow.of(row) for row in read["slices"]]
        verdict = judge(Candidate(read["numbers"], 41_620, read["paired"], rows, champion=1), limits)
        assert verdict.promote

    value = ratio(lambda: [gate() for _ in range(50)], lambda: [json.loads(text) for _ in range(50)])
    yield Figure("gate_of_full_size", value, 5.0, False, "x", "reading the evaluation's document alone")
