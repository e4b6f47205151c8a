"""What is saved by running only the clusters that the classifier names, on photos written out one by one."""

import numpy as np
import pytest

from oi_tasks.core.routing import routing


def flags(*photos: int) -> np.ndarray:
    return np.array(photos, dtype=bool)


def test_passes_and_time_saved_are_against_every_cluster_on_every_photo() -> None:
    found = routing({"cats": flags(1, 1, 0, 0), "cars": flags(1, 0, 0, 0)}, {"cats": 10.0, "cars": 30.0})
    assert found is not None
    assert found["clusters"] == [
        {"cluster": "cars", "photos": 1, "share": 0.25, "milliseconds": 30.0},
        {"cluster": "cats", "photos": 2, "share": 0.5, "milliseconds": 10.0},
    ]
    assert found["photos"] == 4
    assert found["clusters_a_photo"] == pytest.approx(3 / 4)
    assert found["passes_saved"] == pytest.approx(5 / 8)
    all_of_them, done = 4 * (10 + 30), 2 * 10 + 1 * 30
    assert found["milliseconds_saved"] == pytest.approx((all_of_them - done) / 4)
    assert found["time_saved"] == pytest.approx((all_of_them - done) / all_of_them)


def test_without_clusters_or_photos_there_is_nothing_to_route() -> None:
    assert routing({}, {}) is None
    assert routing({"cats": flags()}, {"cats": 1.0}) is None
