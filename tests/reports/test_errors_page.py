"""The error analysis: it says what is in the figures, and holds all that it shows."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from oi_tasks.core.label_scores import LabelScores
from oi_tasks.reports.error_plots import scatter
from oi_tasks.reports.errors import WORST, Judged, errors_page

NAMES = ("Owl", "Hen", "Cat", "<Girl>")
CLASSES = ("/m/owl", "/m/hen", "/m/cat", "/m/girl")
ANCESTORS = {"/m/owl": ("/m/bird",), "/m/hen": ("/m/bird",), "/m/girl": ("/m/01g317",)}
NUMBERS = {name: {"value": 0.9, "low": 0.85, "high": 0.95} for name in ("top1_accuracy", "macro_f1", "micro_f1")}


def judged(wrong: int = 30) -> Judged:
    """120 photos of one class each; the first of the hens are taken for owls."""
    true = np.repeat([0, 1, 2, 3], 30)
    said = true.copy()
    said[30 : 30 + wrong] = 0
    probabilities = np.full((120, 4), 0.02)
    probabilities[np.arange(120), said] = 0.94
    places = np.arange(4)
    scores = LabelScores(
        CLASSES, NAMES, probabilities, places == said[:, None], places == true[:, None], np.ones((120, 4), dtype=bool)
    )
    picture = io.BytesIO()
    Image.new("RGB", (200, 100), "#3366aa").save(picture, "JPEG")
    boxes = [[{"class": int(place), "box": [0.1, 0.2, 0.8, 0.9]}] for place in true]
    return Judged(scores, ANCESTORS, [f"{row:016x}" for row in range(120)], boxes, lambda row: picture.getvalue())


@pytest.fixture(scope="module")
def page() -> str:
    return errors_page(judged(), "oi-classifier version 7", "test photos", NUMBERS)


def test_it_says_what_is_taken_for_what(page: str) -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Most often Hen is taken for Owl: 30 times" in text
    assert "Hen Owl 30 100 % siblings" in text
    assert "siblings 30 100 %" in text
    assert "No photo shows two classes" in text


def test_it_holds_all_that_it_shows(page: str) -> None:
    addresses = set(re.findall(r"""(?:href|src)=["']?(?!data:|#)([^"'> ]+)""", page))
    assert addresses == set()
    plots = re.sub(r"<button.*?</button>", "", page)
    assert plots.count("<svg") == 4
    assert "&lt;Girl&gt;" in page
    assert "<Girl>" not in page


def test_the_worst_photos_are_the_wrong_ones_at_most_so_many_of_a_class(page: str) -> None:
    assert "Hen: 30 errors, F1 0.000" in page
    assert "Owl: 30 errors" in page
    shown = re.findall(
        r'aria-label="Photo ([0-9a-f]{16}): [^"]+"><svg[^>]+><image href="data:image/jpeg;base64,[^"]+"', page
    )
    assert len(shown) == 2 * WORST
    assert {int(image_id, 16) for image_id in shown} <= set(range(30, 60))


def drawn_sizes(photos: list[int], names: list[str]) -> list[str]:
    """All texts of the plot of F1 against class size, where all classes have the same F1."""
    return re.findall(r"<text[^>]*>([^<]+)</text>", scatter(photos, [0.5] * len(photos), names, None))


@pytest.mark.parametrize("photos", [[2, 3, 5], [14, 14, 14], [1, 700, 90_000], [880, 1100, 1300]])
def test_sizes_of_classes_are_plain_numbers(photos: list[int]) -> None:
    texts = drawn_sizes(photos, ["Owl", "Hen", "Cat"])
    ticks = [text for text in texts[: texts.index("photos of the class (count, logarithmic)")] if text != "0"]
    assert ticks
    assert all(re.fullmatch(r"[1-9][0-9,]*", tick) for tick in ticks)


def test_a_name_without_room_is_left_to_the_table() -> None:
    names = [f"A class with a long name {place}" for place in range(12)]
    crowded = [text for text in drawn_sizes([100] * 12, names) if text in names]
    assert 1 <= len(crowded) < 12
    apart = [text for text in drawn_sizes([10**place for place in range(4)], list("abcd")) if text in "abcd"]
    assert apart == list("abcd")


def test_the_caption_names_the_marks_that_are_there(page: str) -> None:
    assert "The orange square lies far below it" in page
    assert "None lies far below it" in errors_page(judged(wrong=0), "m", "s", NUMBERS)


def test_the_heading_is_words_and_ids_stand_below_it() -> None:
    page = errors_page(judged(), "oi-classifier version 7", "test photos", NUMBERS, {"Training": "a" * 20})
    assert "<h1>Errors of oi-classifier version 7</h1>" in page
    assert f'<div class="id"><dt>Training</dt><dd><code>{"a" * 20}</code></dd></div>' in page


def test_human_classes_stand_apart(page: str) -> None:
    section = page[page.index("People, bodies and clothes") : page.index("What is taken for what")]
    assert "&lt;Girl&gt;" in section
    assert "Cat" not in section


def test_equal_figures_make_equal_pages_and_a_faultless_model_has_one(page: str) -> None:
    assert errors_page(judged(), "oi-classifier version 7", "test photos", NUMBERS) == page
    faultless = errors_page(judged(wrong=0), "m", "s", NUMBERS)
    assert "There is no error to show" in faultless
    assert "Every photo that shows one class was taken for it" in faultless


def test_boxes_lie_over_the_photo_and_those_of_the_class_are_told_from_others(page: str) -> None:
    drawn = re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/>', page)
    assert {shape[1:] for shape in drawn} == {("20.0", "20.0", "140.0", "70.0")}
    assert [shape[0] for shape in drawn].count("own") == WORST  # hens missed; on the same photos, named owls, no owl is
    assert [shape[0] for shape in drawn].count("other") == WORST
