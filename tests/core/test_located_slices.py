"""Slices of boxes and masks: numbers by hand, paired with the champion's, and judged like any other slice."""

import numpy as np
import pytest

from oi_tasks.core.bootstrap import Resamples
from oi_tasks.core.located_slices import Located, score_located
from oi_tasks.core.slice_regressions import SliceLimit, SliceRow, regressions

PHOTOS = 60


def boxes(label: str, hits: float, photos: int = PHOTOS, every: int = 2) -> Located:
    """`every` boxes a photo, of which a share is found."""
    counts = np.zeros((PHOTOS, 2))
    counts[:photos] = (0, every)
    counts[: round(photos * hits), 0] = every
    return Located("class", label, label[-1], "box_recall", photos, counts)


def test_the_number_is_of_summed_counts_and_the_difference_is_paired() -> None:
    ours, theirs = [boxes("/m/cat", 0.5), boxes("/m/dog", 0.8)], [boxes("/m/dog", 0.7), boxes("/m/cat", 0.9)]
    rows = {row["value"]: row for row in score_located(ours, theirs, Resamples(PHOTOS))}
    assert rows["/m/cat"] | {"interval": None} == {
        "kind": "class", "value": "/m/cat", "name": "t", "metric": "box_recall", "photos": 60, "candidate": 0.5,
        "champion": 0.9, "difference": -0.4, "low": rows["/m/cat"]["low"], "high": rows["/m/cat"]["high"],
        "interval": None,
    }  # fmt: skip
    assert rows["/m/dog"]["difference"] == pytest.approx(0.1)
    assert -0.55 < rows["/m/cat"]["low"] < -0.4 < rows["/m/cat"]["high"] < -0.25  # 24 of 60 photos: sd 0.063


def test_the_gate_sees_worse_boxes_where_f1_is_the_same() -> None:
    ours, theirs = [boxes("/m/cat", 0.3), boxes("/m/dog", 0.9)], [boxes("/m/cat", 0.9), boxes("/m/dog", 0.9)]
    rows = [SliceRow.of(row) for row in score_located(ours, theirs, Resamples(PHOTOS))]
    found = regressions(rows, SliceLimit(may_lose=0.05, alpha=0.05, min_photos=50))
    assert [(row.value, row.metric) for row, _ in found] == [("/m/cat", "box_recall")]
    assert regressions(rows, SliceLimit(may_lose=0.05, alpha=0.05, min_photos=61)) == []


def test_what_nobody_can_compare_is_left_out_and_refuses_nothing() -> None:
    nothing = Located("class", "/m/owl", "l", "mask_iou", 0, np.zeros((PHOTOS, 2)))
    ours, theirs = [boxes("/m/cat", 0.5), boxes("/m/new", 0.5), nothing], [boxes("/m/cat", 0.5)]
    rows = score_located(ours, theirs, Resamples(PHOTOS))
    assert [row["value"] for row in rows] == ["/m/cat"]
    alone = score_located(ours, None, Resamples(PHOTOS))
    assert [(row["value"], row["champion"]) for row in alone] == [("/m/cat", None), ("/m/new", None)]
    assert score_located([], None, Resamples(PHOTOS)) == []
