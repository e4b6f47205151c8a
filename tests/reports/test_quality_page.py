"""The quality page, and the base of all pages."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

from oi_tasks.quality.summary import names_of_examples
from oi_tasks.reports.page import number, plural, share
from oi_tasks.reports.photo_strip import box_of
from oi_tasks.reports.quality import columns, observed, quality_page, sentence

FINDING = {
    "code": "box_outside",
    "severity": "warning",
    "held": False,
    "what": "Boxes that reach beyond their photo",
    "count": 2,
    "tables": {"boxes": 2},
    "examples": [{"table": "boxes", "ImageID": "<script>alert(1)</script>", "XMax": 1.5, "LabelName": None}],
    "why": "Why & wherefore.",
    "do": "Look.",
}
EXPECTATION = {
    "suite": "boxes",
    "code": "box_outside",
    "type": "expect_column_values_to_be_between",
    "kwargs": {"column": "XMax", "min_value": 0},
    "severity": "warning",
    "status": "failed",
    "success": False,
    "checked": 1000,
    "failing": 2,
    "share_failing": 0.002,
    "observed": None,
    "error": "",
    "what": "Boxes that reach beyond their photo",
}
QUALITY: dict[str, Any] = {
    "snapshot": "0" * 20,
    "parameters": {"mostly": 0.999, "max_quarantined": 0.01},
    "rows": {"boxes": {"in": 1000, "added": 0, "out": 998, "set_apart": 2}},
    "quarantined_share": 0.002,
    "quarantined": {"rows": 0.002, "photos": 0.0},
    "set_apart": [{"table": "boxes", "reason": "box_outside", "count": 2, "examples": FINDING["examples"]}],
    "findings": [FINDING],
    "expectations": [EXPECTATION],
    "reasons": [],
    "verdict": "pass",
}


class Tags(HTMLParser):
    """Every tag closes as it opened; attributes are kept."""

    VOID = {"meta", "link", "br", "img", "hr"}

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_fetches_nothing_and_is_well_formed() -> None:
    page = quality_page(QUALITY)
    for name, value in Tags(page).attributes:
        assert name not in ("src", "href") or (value or "").startswith(("data:", "#")), (name, value)
    assert "url(" not in page
    assert "@import" not in page


def test_what_comes_from_outside_is_text() -> None:
    page = quality_page(QUALITY)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "Why &amp; wherefore." in page


def test_the_verdict_comes_first() -> None:
    text = re.sub(r"<[^>]+>", " ", quality_page(QUALITY).split("<main>")[1])
    assert " ".join(text.split()).startswith("Passed. The data may go on: 998 of 1,000 rows keep the rules.")


def test_each_verdict_in_a_sentence() -> None:
    assert "0.2\N{NO-BREAK SPACE}% of the annotation" in sentence(QUALITY)
    nothing = QUALITY | {"rows": {"boxes": {"in": 1, "added": 0, "out": 1, "set_apart": 0}}}
    assert sentence(nothing) == "The data may go on: all 1 row keep the rules, and nothing was set apart."
    reasons = [{"code": "a", "text": "There are no photos (1)"}, {"code": "b", "text": "It rains"}]
    refused = QUALITY | {"verdict": "fail", "reasons": reasons}
    assert sentence(refused) == "The data may not go on: There are no photos (1); It rains."
    assert "Refused." in quality_page(refused)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "2 of 1,000 rows broke it, 0.2\N{NO-BREAK SPACE}%"),
        ({"failing": 0, "status": "passed"}, "none of 1,000 rows broke it"),
        ({"checked": None, "failing": None, "observed": 190}, "190 found"),
        ({"status": "raised", "error": "KeyError: XMax"}, "could not be checked: KeyError: XMax"),
        ({"status": "skipped"}, "not checked: the table cannot be read"),
    ],
)
def test_what_was_observed(changes: dict[str, Any], text: str) -> None:
    assert observed(EXPECTATION | changes) == text
    assert text in quality_page(QUALITY | {"expectations": [EXPECTATION | changes]})


def jpeg(width: int = 640, height: int = 320) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(stream, "JPEG")
    return stream.getvalue()


def test_examples_show_their_photo_with_the_box_drawn() -> None:
    sides = {"XMin": 0.25, "XMax": 0.75, "YMin": 0.5, "YMax": 1.0}
    examples = [{"table": "boxes", "ImageID": "a" * 16, **sides}, {"table": "boxes", "ImageID": "b" * 16, **sides}]
    asked = []

    def photo(image_id: str) -> bytes | None:
        asked.append(image_id)
        return jpeg() if image_id.startswith("a") else b"no photo"

    page = quality_page(QUALITY | {"findings": [FINDING | {"examples": examples}] * 2}, photo)
    assert asked == ["a" * 16, "b" * 16], "a photo is made small once, however many findings show it"
    (first, second) = re.findall(r"<svg viewBox=\"0 0 200 100\".*?</svg>", page)
    assert first == second
    assert re.search(r'<rect class="other" x="50.0" y="50.0" width="100.0" height="50.0"/>', first)
    data = base64.b64decode(re.search(r"data:image/jpeg;base64,([^\"]+)", first)[1])
    assert Image.open(io.BytesIO(data)).size == (200, 100)
    assert Tags(page)


def test_labels_of_examples_have_their_names() -> None:
    sides = {"XMin": 0.25, "XMax": 0.75, "YMin": 0.5, "YMax": 1.0}
    examples = [{"table": "boxes", "ImageID": "a" * 16, "LabelName": "/m/01yrx", **sides}]
    found = QUALITY | {"findings": [FINDING | {"examples": examples}], "set_apart": []}
    page = quality_page(found | {"names": {"/m/01yrx": "<Cat>"}}, lambda _: jpeg())
    assert f"<figcaption>{'a' * 16} &lt;Cat&gt; /m/01yrx</figcaption>" in page
    assert "<td><code>/m/01yrx</code> &lt;Cat&gt;</td>" in page
    assert "<td><code>/m/01yrx</code></td>" in quality_page(found), "older outputs have no names"


def test_names_are_those_of_the_labels_in_examples(tmp_path: Path) -> None:
    table = pl.DataFrame({"LabelName": ["/m/a", "/m/b", "/m/c"], "DisplayName": ["A", "B", None]})
    table.write_parquet(tmp_path / "names.parquet")
    labels = [{"LabelName": "/m/a"}, {"LabelName": "/m/c"}, {"LabelName": "/m/d"}, {"LabelName": None}, {}]
    found = QUALITY | {"findings": [FINDING | {"examples": labels}]}
    assert names_of_examples(found, tmp_path / "names.parquet") == {"/m/a": "A"}
    table.rename({"DisplayName": "Other"}).write_parquet(tmp_path / "names.parquet")
    assert names_of_examples(found, tmp_path / "names.parquet") == {}


def test_what_did_not_hold_leads_to_the_findings_and_expectations_can_be_searched() -> None:
    page = quality_page(QUALITY)
    assert '<a href="#findings">1 did not: see findings</a>' in page
    assert 'id="findings"' in page
    held = EXPECTATION | {"status": "passed", "success": True, "failing": 0, "what": "There are no photos"}
    page = quality_page(QUALITY | {"expectations": [held] * 4})
    assert "did not: see findings" not in page
    assert 'data-find="find an expectation"' in page
    assert '<th scope="col">Fault looked for</th>' in page
    assert page.count("held: no such fault") == 4


@pytest.mark.parametrize("sides", [{}, {"XMin": None, "XMax": 1, "YMin": 0, "YMax": 1}, dict.fromkeys("abcd", 1)])
def test_what_has_no_box_draws_none(sides: dict[str, Any]) -> None:
    assert box_of(sides) is None
    assert box_of({"XMin": 0.6, "XMax": 0.5, "YMin": 0, "YMax": float("inf")}) is None
    exchanged = box_of({"XMin": 0.75, "XMax": 0.5, "YMin": 0.25, "YMax": 1})
    assert exchanged == {"of": "other", "x": 0.5, "y": 0.25, "width": 0.25, "height": 0.75}


def test_the_history_is_plotted_and_its_last_point_is_this_snapshot() -> None:
    assert "No snapshot was accepted before this one" in quality_page(QUALITY)
    past = {"snapshot": "1" * 20, "at": "2026-11-01", "rows": {"boxes": 499}, "findings": {"warning": 3}}
    page = quality_page(QUALITY | {"history": [past | {"quarantined": {"rows": 0.0, "photos": 0.0}}]})
    assert page.count("<polyline") == 6
    assert "Compared with <code>11111111111111111111</code>" in page
    assert '<polyline points="0.0,16.0 100.0,2.0 "/>' in page  # 499 boxes before, 998 now
    assert "<strong>998</strong> boxes <span>(before: 499)" in page
    assert Tags(page)


def test_a_failed_expectation_leads_to_its_examples() -> None:
    page = quality_page(QUALITY)
    assert 'id="found-0"' in page
    assert '<a href="#found-0">examples</a>' in page


def test_columns_without_a_value_are_left_out() -> None:
    assert columns([{"a": 1, "b": None}, {"c": 0}]) == ["a", "c"]


def test_numbers_for_people() -> None:
    assert [number(value) for value in (None, 1234567, 0.123456, 12345.6, True, 3.0)] == [
        "\N{EN DASH}",
        "1,234,567",
        "0.1235",
        "12,346",
        "True",
        "3",
    ]
    assert [
        share(value).replace("\N{NO-BREAK SPACE}", " ") for value in (None, 0, 1, 0.5, 1e-9, 0.999999999, 0.00123)
    ] == [
        "\N{EN DASH}",
        "0 %",
        "100 %",
        "50 %",
        "< 0.001 %",
        "> 99.999 %",
        "0.123 %",
    ]
    assert [plural(1, "box", "boxes"), plural(2000, "box", "boxes"), plural(0, "row")] == [
        "1 box",
        "2,000 boxes",
        "0 rows",
    ]
