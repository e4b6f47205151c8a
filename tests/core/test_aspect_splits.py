"""Aspect bins and splits."""

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from oi_tasks.core.aspect import BINS, aspect_bin, aspect_of, canvas
from oi_tasks.core.fingerprint import canonical_json, content_key
from oi_tasks.core.splits import split_of


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_a_photo_falls_into_the_nearest_bin(width: int, height: int) -> None:
    centres = {"2x1": 1.0, "1x1": 0.0, "1x2": -1.0}
    aspect = math.log2(width / height)
    assert aspect_of(width, height) == aspect
    found = aspect_bin(width, height)
    assert abs(aspect - centres[found]) <= min(abs(aspect - centre) for centre in centres.values()) + 1e-12


def test_canvases_are_multiples_of_32() -> None:
    assert [canvas(name, 224) for name in BINS] == [(224, 128), (224, 224), (128, 224)]
    assert canvas("2x1", 256) == (256, 128)
    assert all(side % 32 == 0 and side >= 32 for name in BINS for side in canvas(name, 10))


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_of_more_shapes_the_nearest_squashes_least(width: int, height: int) -> None:
    shapes = ("3x1", "2x1", "3x2", "4x3", "1x1", "3x4", "2x3", "1x2", "1x3")
    squashed = {name: width * int(name[2]) / (height * int(name[0])) for name in shapes}
    least = min(max(by, 1 / by) for by in squashed.values())
    found = squashed[aspect_bin(width, height, shapes)]
    assert max(found, 1 / found) <= least + 1e-9


def test_a_canvas_has_the_shape_that_its_name_says() -> None:
    assert [canvas(name, 288) for name in ("4x3", "3x2", "3x4", "3x1")] == [
        (288, 224),
        (288, 192),
        (224, 288),
        (288, 96),
    ]


@given(st.sampled_from(["3x1", "2x1", "3x2", "4x3", "1x1", "3x4", "1x2"]), st.integers(128, 512))
def test_canvases_of_one_area_are_as_large_as_the_square(name: str, side: int) -> None:
    width, height = canvas(name, side, "area")
    wide, high = (int(number) for number in name.split("x"))
    assert abs(width - side * math.sqrt(wide / high)) <= 16
    assert abs(height - side * math.sqrt(high / wide)) <= 16


def test_splits_are_as_large_as_asked_and_do_not_move() -> None:
    ids = [f"{number:016x}" for number in range(20_000)]
    counts = Counter(split_of(image_id, 0.1, 0.2) for image_id in ids)
    assert abs(counts["test"] / len(ids) - 0.2) < 0.01
    assert abs(counts["tune"] / len(ids) - 0.1) < 0.01
    assert split_of("0000dd8e0cb25756", 0.1, 0.2) == split_of("0000dd8e0cb25756", 0.1, 0.2)
    # A larger test split keeps every photo that was in it.
    assert all(split_of(i, 0.1, 0.3) == "test" for i in ids if split_of(i, 0.1, 0.2) == "test")


def test_equal_values_have_equal_keys() -> None:
    assert content_key({"b": 1, "a": [1, 2]}) == content_key({"a": [1, 2], "b": 1})
    assert content_key({"a": 1}) != content_key({"a": 2})
    assert canonical_json({"é": 1}) == '{"é":1}'.encode()
