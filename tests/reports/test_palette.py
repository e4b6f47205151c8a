"""The colours of the charts: told apart by the colour-blind, seen on light and dark pages."""

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from oi_tasks.core.palette import DARK, LIGHT, ON_PHOTOS, rgb, series
from oi_tasks.reports import chart
from oi_tasks.reports.page import TEMPLATES

# What is left of linear RGB without the cones for red, and without those for green: Machado, Oliveira and Fernandes (2009).
WITHOUT = {
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}
PAGES = {"light": (LIGHT, "#f5f7f9"), "dark": (DARK, "#1c2229")}  # with the panel that charts lie on


def linear(colour: str) -> NDArray[np.float64]:
    part = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def oklab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Björn Ottosson's space, in which 0.02 is a difference that is just seen."""
    cones = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
    mixed = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099], [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip
    return mixed @ np.cbrt(np.clip(cones @ np.clip(rgb, 0, 1), 0, None))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("lacking", WITHOUT)
def test_the_colour_blind_tell_them_apart(page: str, lacking: str) -> None:
    colours = PAGES[page][0]
    seen = {name: oklab(np.array(WITHOUT[lacking]) @ linear(value)) for name, value in colours.items()}
    for one in seen:
        for other in set(seen) - {one}:
            assert np.linalg.norm(seen[one] - seen[other]) > 0.06, (one, other)
    assert np.linalg.norm(seen["blue"] - seen["orange"]) > 0.2, "these two mean something"


@pytest.mark.parametrize("page", PAGES)
def test_blue_and_orange_stand_out_from_the_page(page: str) -> None:
    colours, ground = PAGES[page]
    assert ground in (TEMPLATES / "base.html.j2").read_text(encoding="utf-8")
    light = {value: linear(value) @ (0.2126, 0.7152, 0.0722) for value in (colours["blue"], colours["orange"], ground)}
    for value in (colours["blue"], colours["orange"]):
        brighter, darker = sorted((light[value], light[ground]), reverse=True)
        assert (brighter + 0.05) / (darker + 0.05) >= 3, "as WCAG 2.2 asks of graphics, 1.4.11"


def test_no_two_curves_look_alike() -> None:
    looks = [tuple(series(place).values()) for place in range(18)]
    assert len(set(looks)) == 18
    without_colour = [look[1:] for look in looks]
    assert len(set(without_colour)) == 18


def test_a_chart_has_no_colour_of_its_own() -> None:
    with chart.style():
        figure, axes = chart.figure(4, 3)
        axes.plot([1, 2], [1, 2], **series(0))
        axes.set_xlabel("$ & <x>")
        text = chart.svg(figure, 'a "title" & more')
    assert 'aria-label="a &quot;title&quot; &amp; more"' in text
    assert "$ &amp; &lt;x&gt;" in text
    assert "var(--blue, #0072b2)" in text
    assert set(re.findall(r": (#[0-9a-f]{6})", text)) == set()


def test_photos_are_drawn_on_in_the_colours_of_the_charts() -> None:
    """Okabe and Ito's seven colours that are not black, as they give them in red, green and blue."""
    assert ON_PHOTOS == (
        (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167),
    )  # fmt: skip
    assert {rgb(colour) for colour in LIGHT.values()} < set(ON_PHOTOS)
