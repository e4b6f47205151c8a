"""The page on masks and boxes: it says what is in the figures, and holds all that it shows."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from oi_tasks.models.masked_photos import BEST, WORST, MaskedPhoto, rows_to_look_at
from oi_tasks.reports.boxes import Seen, boxes_page

NUMBERS = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in ("map", "box_recall", "box_precision")}


def picture() -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (200, 100), "#3366aa").save(held, "JPEG")
    return held.getvalue()


def seen() -> Seen:
    true = np.zeros((4, 8), dtype=bool)
    true[1, 2:6] = True
    said = np.zeros((4, 8), dtype=bool)
    said[2, :2] = said[2, 6:] = True
    return Seen(
        classes=[
            {"name": "Cat", "iou": 0.5, "dice": 0.667, "boxes": 40, "box_recall": 0.75},
            {"name": "<Girl>", "iou": 0.25, "dice": 0.4, "boxes": 10, "box_recall": 0.1},
            {"name": "Owl", "iou": None, "dice": None, "boxes": 0, "box_recall": None},
        ],
        areas=[{"low": 0.0, "high": 0.01, "boxes": 20, "found": 5}, {"low": 0.01, "high": 1.0, "boxes": 0, "found": 0}],
        masks=[
            {"cluster": "cats", "threshold": step / 20, "precision": step / 20, "recall": 1 - step / 20}
            for step in range(1, 20)
        ],
        routing={
            "photos": 80,
            "clusters": [{"cluster": "cats", "photos": 20, "share": 0.25, "milliseconds": 12.0}],
            "clusters_a_photo": 0.25,
            "passes_saved": 0.75,
            "milliseconds_saved": 9.0,
            "time_saved": 0.75,
        },
        photos=[MaskedPhoto("0" * 16, picture(), ("Cat", "<Girl>"), 0.0, true, said)],
    )


@pytest.fixture(scope="module")
def page() -> str:
    return boxes_page(seen(), "the cascade", "80 test photos", NUMBERS)


def test_it_says_what_the_figures_say(page: str) -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "A photo runs 0.25 of 1 cluster on average, which saves 75.0 % of their passes" in text
    assert "9.0 ms a photo are saved, 75.0 % of the clusters' time" in text.replace("&#39;", "'")
    assert "cats 20 25" in text
    assert "Cat 0.500 0.667 40 0.750" in text
    assert "Owl" not in text
    assert re.search(r"mAP\s+0\.400 to 0\.600", text)


def test_it_holds_all_that_it_shows_and_is_small(page: str) -> None:
    assert set(re.findall(r"""(?:href|src)=["']?(?!data:|#)([^"'> ]+)""", page)) == set()
    plots = re.sub(r"<button.*?</button>", "", page)
    assert plots.count("<svg") == 3
    assert "&lt;Girl&gt;" in page
    assert "<Girl>" not in page
    assert len(page) < 5_000_000


def test_masks_lie_over_the_photo_truth_beside_prediction(page: str) -> None:
    drawn = re.findall(r'<rect class="([\w ]+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/>', page)
    assert drawn == [
        ("mask", "50.0", "25.0", "100.0", "25.0"),
        ("mask said", "0.0", "50.0", "50.0", "25.0"),
        ("mask said", "150.0", "50.0", "50.0", "25.0"),
    ]
    assert "/> masks</label>" in page


def test_equal_figures_make_equal_pages_and_nothing_found_has_one(page: str) -> None:
    assert boxes_page(seen(), "the cascade", "80 test photos", NUMBERS) == page
    none = Seen(classes=[], areas=[], masks=[], routing=None, photos=[])
    empty = boxes_page(none, "m", "s", {})
    assert "No cluster was run" in empty
    assert "No photo has a mask" in empty
    broken = replace(seen(), photos=[replace(seen().photos[0], jpeg=b"no photo")])
    assert "IoU 0.00" in boxes_page(broken, "m", "s", NUMBERS)


def test_the_photos_to_look_at_are_those_of_least_and_of_largest_overlap() -> None:
    photos = [{"masks": [{"cells_both": both, "cells_either": 20}]} for both in range(20)]
    photos += [{"masks": []}, {"masks": [{"cells_both": 0, "cells_either": 30}]}]
    found = rows_to_look_at(photos)
    assert found == [21, *range(WORST - 1), *range(19, 19 - BEST, -1)]
    assert rows_to_look_at(photos[:2]) == [0, 1]
    assert rows_to_look_at([]) == []
