"""Any picture as RGB: against what the same picture of 8 bits without transparency is."""

import io

import numpy as np
import pytest
from PIL import Image

from oi_tasks.io.rgb import as_rgb

GREY = np.random.default_rng(0).integers(0, 256, (9, 12), dtype=np.uint8)


def opened(photo: Image.Image, form: str) -> Image.Image:
    held = io.BytesIO()
    photo.save(held, form)
    return Image.open(io.BytesIO(held.getvalue()))


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_look_as_eight(form: str) -> None:
    deep = opened(Image.fromarray(GREY.astype(np.uint16) * 257), form)
    assert deep.mode.startswith("I")
    assert np.array_equal(np.asarray(as_rgb(deep)), np.dstack([GREY] * 3))


def test_what_can_be_seen_through_lies_on_white() -> None:
    alpha = np.where(np.arange(12) < 6, 0, 255).astype(np.uint8) * np.ones((9, 1), np.uint8)
    for photo in (
        Image.fromarray(np.dstack([np.zeros((9, 12, 3), np.uint8), alpha])),
        Image.fromarray(np.dstack([np.zeros((9, 12), np.uint8), alpha])),
    ):
        seen = np.asarray(as_rgb(opened(photo, "PNG")))
        assert (seen[:, :6] == 255).all()
        assert (seen[:, 6:] == 0).all()


def test_a_palette_with_a_hole_in_it_has_white_there() -> None:
    photo = Image.new("P", (4, 2), 1)
    photo.putpalette([0, 0, 0, 10, 20, 30])
    photo.putpixel((0, 0), 0)
    photo.info["transparency"] = 0
    seen = np.asarray(as_rgb(opened(photo, "PNG")))
    assert tuple(seen[0, 0]) == (255, 255, 255)
    assert tuple(seen[1, 3]) == (10, 20, 30)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "1"])
def test_other_modes_are_as_pillow_has_them(mode: str) -> None:
    photo = Image.fromarray(np.dstack([GREY] * 3)).convert(mode)
    assert np.array_equal(np.asarray(as_rgb(photo)), np.asarray(photo.convert("RGB")))
