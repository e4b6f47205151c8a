"""The pages of 76 classes and 12 clusters are small, and open in a real browser; a report leads back to the tab."""

import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from oi_tasks.core.label_scores import LabelScores
from oi_tasks.reports.classes import ClassesChosen, classes_page
from oi_tasks.reports.costs import costs
from oi_tasks.reports.errors import Judged, errors_page, most_of_class
from oi_tasks.reports.quality import quality_page
from oi_tasks.reports.run import run_page
from tests.e2e.pages.browser import BROWSERS, browser, program
from tests.left_out import left_out
from tests.reports.test_errors_page import NUMBERS
from tests.reports.test_quality_page import QUALITY
from tests.reports.test_run_page import SCORES, STEPS, VERDICT

pytestmark = pytest.mark.slow
CLASSES, CLUSTERS, EACH = 76, 12, 30
LABELS = tuple(f"/m/{place:04}" for place in range(CLASSES))
NAMES = tuple(f"Class with a name {place}" for place in range(CLASSES))
LIMIT = 5_000_000  # bytes
NO_BROWSER = f"no browser is installed ({', '.join(BROWSERS)}), so the page was not opened in one"


def errors() -> str:
    """Every second photo of each class is taken for the next class. The photos are as hard to compress as real ones."""
    rng = np.random.default_rng(0)
    true = np.repeat(np.arange(CLASSES), EACH)
    said = np.where(np.arange(len(true)) % 2, (true + 1) % CLASSES, true)
    probabilities = np.full((len(true), CLASSES), 0.01)
    probabilities[np.arange(len(true)), said] = 0.9
    picture = io.BytesIO()
    rough = Image.fromarray(rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)).resize(
        (640, 480), Image.Resampling.BICUBIC
    )
    rough.save(picture, "JPEG")
    places = np.arange(CLASSES)
    known = np.ones((len(true), CLASSES), dtype=bool)
    scores = LabelScores(LABELS, NAMES, probabilities, places == said[:, None], places == true[:, None], known)
    boxes = [[{"class": int(place), "box": [0.1, 0.2, 0.8, 0.9]}] * 4 for place in true]
    ids = [f"{row:016x}" for row in range(len(true))]
    judged = Judged(scores, {}, ids, boxes, lambda row: picture.getvalue())
    return errors_page(judged, "oi-classifier version 7", "test photos", NUMBERS)


def retrain() -> str:
    row = dict.fromkeys(("f1", "precision", "recall", "average_precision", "iou", "box_recall"), 0.5)
    curves = {f"cluster {place}": [{"loss": 0.5, "tune_mean_iou": 0.2}] * 30 for place in range(CLUSTERS)}
    scores = SCORES | {"classes": [row | {"name": name, "photos": EACH, "boxes": EACH} for name in NAMES]}
    return run_page(VERDICT, scores, curves, "d" * 20, "http://mlflow", False, costs(STEPS, [], None), {})


def classes() -> str:
    rows = [
        {"label": label, "name": name, "level": 1, "boxes": 100, "cluster": f"cluster {place % CLUSTERS}"}
        for place, (label, name) in enumerate(zip(LABELS, NAMES, strict=True))
    ]
    clusters = [
        {"title": f"cluster {place}", "classes": LABELS[place::CLUSTERS], "human": False, "note": ""}
        for place in range(CLUSTERS)
    ]
    fates = {label: {"class": label, "rule": "kept"} for label in LABELS}
    bits = float(np.log2(CLASSES))
    covered, own = {"boxes": 1.0}, dict.fromkeys(LABELS, 100)
    return classes_page(
        ClassesChosen(rows, fates, clusters, dict(zip(LABELS, NAMES, strict=True)), {}, own, 7600, covered, bits, bits)
    )


def test_the_pages_of_76_classes_are_small_and_open_in_a_browser(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = {"errors": errors(), "retrain": retrain(), "classes": classes()}
    assert pages["errors"].count("data:image/jpeg") == CLASSES * most_of_class(CLASSES)
    for name, page in pages.items():
        assert len(page.encode()) < LIMIT, name
        (tmp_path / f"{name}.html").write_text(page, encoding="utf-8")
    if program() is None:
        pytest.skip(left_out(NO_BROWSER))
    (tmp_path / "empty.html").write_text("<!DOCTYPE html><title>empty</title>")
    with browser() as running:
        tab = running.new_page(viewport={"width": 400, "height": 900})
        wrong: list[str] = []
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        took = {}
        for name in ("empty", *pages):
            start = time.perf_counter()
            tab.goto((tmp_path / f"{name}.html").as_uri(), wait_until="load")
            took[name] = time.perf_counter() - start
            assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, (
                name
            )
            if name != "empty":
                assert tab.locator("table[data-find]").count() == tab.locator(".find input[type=search]").count() > 0
                assert not tab.locator("#all-reports").is_visible(), "a file has no list to lead back to"
        assert wrong == []
    with capsys.disabled():
        said = ", ".join(
            f"{name} {len(page) / 1e6:.1f} MB {took[name] / took['empty']:.0f}" for name, page in pages.items()
        )
        print(f"\nas many times as an empty page takes to load: {said}")


def test_a_report_in_the_tab_leads_back_to_the_list() -> None:
    page = quality_page(QUALITY)
    assert '<a id="all-reports" hidden>' in page
    if program() is None:
        pytest.skip(left_out(NO_BROWSER))
    with browser() as running:
        tab = running.new_page()
        tab.route("**/*", lambda route: route.fulfill(body=page, content_type="text/html"))
        for place, address in {
            "airflow/open-images/report/quality/a.html": "http://localhost/airflow/open-images/",
            "open-images/report/runs/b.html?again=1": "http://localhost/open-images/",
        }.items():
            tab.goto(f"http://localhost/{place}")
            link = tab.get_by_role("link", name="All reports")
            assert link.evaluate("(link) => link.href") == address
        tab.goto("http://localhost/oi-reports/quality/a.html")
        assert tab.get_by_role("link", name="All reports").count() == 0
