"""What is seen of masks that lie over one another."""

import numpy as np
import pytest
from PIL import Image

from oi_tasks.models.drawing import VEIL, veiled

LARGE, SMALL = (255, 0, 0), (0, 0, 255)


@pytest.mark.parametrize("small_first", [True, False])
def test_a_smaller_region_lies_over_a_larger_one_whichever_class_comes_first(small_first: bool) -> None:
    """Two classes overlap; each also has a region elsewhere that is the larger or the smaller of the two."""
    large, small = np.zeros((2, 12, 12), dtype=bool)
    large[:8, :8] = True
    small[2:5, 2:5] = True
    large[10, 10] = True
    small[9:12, 9:12] = True  # around the large class's own smallest region
    veils = [(large, LARGE), (small, SMALL)]
    photo = Image.new("RGB", (12, 12), (100, 100, 100))
    pixels = np.asarray(veiled(photo, reversed(veils) if small_first else veils))

    def veil(colour: tuple[int, int, int]) -> list[int]:
        return [round((1 - VEIL) * 100 + VEIL * part) for part in colour]

    expected = np.full((12, 12, 3), 100)
    expected[:8, :8] = veil(LARGE)
    expected[2:5, 2:5] = veil(SMALL)
    expected[9:12, 9:12] = veil(SMALL)
    expected[10, 10] = veil(LARGE)
    assert (pixels == expected).all()
    assert (np.asarray(photo) == 100).all()
