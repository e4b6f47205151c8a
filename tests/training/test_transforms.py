"""Views: a photo and its boxes change together."""

import numpy as np
import pytest
import torch

from oi_tasks.training.transforms import SMALLEST, View


def marked(box: list[float], height: int = 64, width: int = 96) -> torch.Tensor:
    """A black photo with a white box."""
    photo = torch.zeros(3, height, width, dtype=torch.uint8)
    left, top, right, bottom = box
    photo[:, round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = 255
    return photo


@pytest.mark.parametrize("seed", range(12))
def test_a_box_is_where_its_pixels_are(seed: int) -> None:
    view = View.draw(np.random.default_rng(seed))
    box = [0.3, 0.35, 0.6, 0.7]
    seen = view.of_photo(marked(box))[0] > 127
    (found,) = view.of_boxes([{"class": 1, "box": box}])
    rows, columns = torch.nonzero(seen.any(1)).ravel(), torch.nonzero(seen.any(0)).ravel()
    edges = [columns.min() / 96, rows.min() / 64, (columns.max() + 1) / 96, (rows.max() + 1) / 64]
    assert found["box"] == pytest.approx([float(edge) for edge in edges], abs=0.035)
    assert found["class"] == 1


def test_views_keep_at_least_the_smallest_share_and_half_are_mirrored() -> None:
    views = [View.draw(np.random.default_rng([7, row])) for row in range(400)]
    assert all(SMALLEST <= view.side**2 <= 1 for view in views)
    assert all(0 <= view.left <= 1 - view.side and 0 <= view.top <= 1 - view.side for view in views)
    assert 0.4 < sum(view.mirrored for view in views) / len(views) < 0.6


def test_a_box_out_of_view_is_left_out_and_one_at_the_edge_is_cut() -> None:
    view = View(left=0.2, top=0.2, side=0.8, mirrored=False)
    assert view.of_boxes([{"class": 0, "box": [0.0, 0.0, 0.2, 1.0]}]) == []
    (cut,) = view.of_boxes([{"class": 0, "box": [0.1, 0.1, 0.6, 0.6]}])
    assert cut["box"] == pytest.approx([0.0, 0.0, 0.5, 0.5])
