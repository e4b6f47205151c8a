"""Curves of masks against cells counted one by one."""

import numpy as np
import pytest

from oi_tasks.core.thresholds import MaskCounts
from oi_tasks.models.mask_curves import SCHEMA, THRESHOLDS, mask_curves


def test_every_threshold_has_what_counting_cells_gives() -> None:
    random = np.random.default_rng(4)
    masks = random.random((6, 3, 5, 7)).astype(np.float32)
    true = random.random((6, 3, 5, 7)) < 0.3
    true[:, 2] = False  # a class that no photo shows
    known = random.random((6, 3)) < 0.8
    counts = MaskCounts(3)
    for photo in range(6):
        counts.add(masks[photo, None], true[photo, None], known[photo, None, :, None, None])
    labels = ["/m/a", "/m/b", "/m/c"]
    rows = mask_curves({"cats": counts}, {"cats": labels}, {label: label[-1] for label in labels})
    assert len(rows) == 3 * 19
    assert (min(THRESHOLDS), max(THRESHOLDS)) == (0.05, 0.95)
    for row in rows:
        assert set(row) == set(SCHEMA)
        place = labels.index(row["class"])
        said, there = masks[known[:, place], place] >= row["threshold"], true[known[:, place], place]
        hits, named, held = int((said & there).sum()), int(said.sum()), int(there.sum())
        assert row["name"] == row["class"][-1]
        assert row["precision"] == (pytest.approx(hits / named) if named else None)
        if held:
            assert row["recall"] == pytest.approx(hits / held)
            assert row["iou"] == pytest.approx(hits / (named + held - hits))
            assert row["dice"] == pytest.approx(2 * hits / (named + held))
        else:
            assert (row["recall"], row["iou"], row["dice"]) == (None, None, None)
