"""A small cascade scored on drawn photos: the table of photos, routing, curves and the page agree with one another."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from oi_tasks.core.bootstrap import Resamples
from oi_tasks.core.fingerprint import sha256_of_file
from oi_tasks.io.shards import INDEX, SAMPLES, ShardReader, write_shard
from oi_tasks.models.cascade import Cascade
from oi_tasks.models.masked_photos import masked_photos
from oi_tasks.models.photo_rows import SCHEMA
from oi_tasks.models.scoring import Scores, Scoring
from oi_tasks.reports.boxes import Seen, boxes_page
from tests.models.test_shared_encoder import CLASSES, cascade

PHOTOS = 24


class Folder:
    """A dataset as files of a folder."""

    id = "0" * 20
    cache_limit = 1 << 30

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache = folder, folder / "cache"

    @property
    def manifest(self) -> SimpleNamespace:
        files = {path.name: path for path in self.folder.iterdir()}
        objects = {
            name: SimpleNamespace(sha256=sha256_of_file(path), size=path.stat().st_size) for name, path in files.items()
        }
        return SimpleNamespace(objects=objects)

    def read_json(self, name: str) -> Any:
        return json.loads(self.local(name).read_text())

    def local(self, name: str) -> Path:
        return self.folder / name


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> ShardReader:
    folder, random = tmp_path_factory.mktemp("dataset"), np.random.default_rng(6)
    samples, facts = [], []
    flags = dict.fromkeys(("group", "occluded", "truncated", "depiction"), 0)
    for number in range(PHOTOS):
        held = io.BytesIO()
        Image.fromarray(random.integers(0, 255, (64, 64, 3), np.uint8)).save(held, "JPEG")
        shown = sorted(random.choice(3, random.integers(0, 3), replace=False).tolist())
        boxes = []
        for place in shown:
            left, top = random.uniform(0, 0.5, 2)
            boxes.append(
                {"class": place, "box": [left, top, *(np.array([left, top]) + random.uniform(0.1, 0.5, 2))], **flags}
            )
        known = {"id": f"{number:016x}", "present": shown, "absent": [], "boxes": boxes}
        samples.append((held.getvalue(), known))
        facts.append({**known, "split": "test", "bin": "1x1", "width": 64, "height": 64, "shard": "one.tar"})
    places = write_shard(folder / "one.tar", samples)
    rows = [{**fact, "offset": offset, "size": size} for fact, (offset, size) in zip(facts, places, strict=True)]
    types = {"absent": pl.List(pl.Int16), "present": pl.List(pl.Int16), "size": pl.Int32}
    pl.DataFrame(rows, schema_overrides=types, infer_schema_length=None).write_parquet(folder / SAMPLES)
    index = {
        "canvases": {"1x1": (64, 64)},
        "classes": [{"index": place, "label": label, "name": label[-1]} for place, label in enumerate(CLASSES)],
        "clusters": [
            {"name": "one", "title": "one", "classes": CLASSES[:2], "trained": True},
            {"name": "two", "title": "two", "classes": CLASSES[2:], "trained": True},
        ],
        "unverified": "negative",
        "counts": {},
    }
    (folder / INDEX).write_text(json.dumps(index))
    return ShardReader(Folder(folder), "test")


@pytest.fixture(scope="module")
def model(reader: ShardReader) -> Cascade:
    """Thresholds in the middle of what it says, so that each cluster gets some of the photos."""
    made = cascade(mirror=False, own_weights=True)
    said = [found.probabilities for found in made.predict_images([sample.image for sample in reader.samples()])]
    middle = tuple(float(value) for value in np.median(said, axis=0))
    made.meta = made.meta.model_copy(update={"thresholds": middle})
    return made


@pytest.fixture(scope="module")
def scores(reader: ShardReader, model: Cascade) -> Scores:
    return Scoring(model, reader).run(lambda photos: None)


def test_a_photo_is_sent_where_its_classes_are_named_and_not_where_it_runs_for_its_score(
    reader: ShardReader, model: Cascade, scores: Scores
) -> None:
    rows = {row["id"]: row for row in scores.photos}
    assert len(rows) == PHOTOS
    for sample in reader.samples():
        (found,) = model.predict_images([sample.image])
        assert rows[sample.id]["ran"] == list(found.ran)
        assert rows[sample.id]["truth"] == [CLASSES[place] for place in sample.present]
        assert rows[sample.id]["boxes_true"] == len(sample.boxes)
    assert scores.routing is not None
    sent = {row["cluster"]: row["photos"] for row in scores.routing["clusters"]}
    assert sent == {slug: sum(slug in row["ran"] for row in scores.photos) for slug in ("one", "two")}
    assert 0 < sent["two"] < PHOTOS
    assert pl.DataFrame(scores.photos, schema=SCHEMA)["boxes_found"].sum() > 0


def test_cells_boxes_and_curves_sum_to_the_numbers_of_the_whole(scores: Scores) -> None:
    rows = scores.photos
    recall = scores.counts["cascade"]["box_recall"].sum((0, 1))
    assert [sum(row[name] for row in rows) for name in ("boxes_hit", "boxes_true")] == recall.tolist()
    assert [sum(row[name] for row in scores.areas) for name in ("found", "boxes")] == recall.tolist()
    for slug in ("one", "two"):
        cells = [one for row in rows for one in row["masks"] if one["cluster"] == slug]
        whole = scores.counts[f"semseg/{slug}"]["mean_iou"].sum((0, 1)).tolist()
        assert [sum(one[name] for one in cells) for name in ("cells_both", "cells_either")] == whole
    at = {row["class"]: row for row in scores.masks if row["threshold"] == 0.4}  # that of the masks of this cascade
    assert len(scores.masks) == 19 * len(CLASSES)
    for row in scores.classes:
        assert row["iou"] == pytest.approx(at[row["label"]]["iou"], abs=0.02)


def test_scored_again_the_tables_and_the_page_are_the_same(reader: ShardReader, model: Cascade, scores: Scores) -> None:
    again = Scoring(model, reader).run(lambda photos: None)
    assert (again.photos, again.masks, again.areas) == (scores.photos, scores.masks, scores.areas)
    pages = []
    for _ in range(2):
        photos = masked_photos(model, reader, scores.photos)
        pages.append(boxes_page(Seen(scores.classes, scores.areas, scores.masks, scores.routing, photos), "m", "s", {}))
    assert pages[0] == pages[1]
    by_id = {row["id"]: row["masks"] for row in scores.photos}
    for photo in photos:
        both, either = (sum(one[name] for one in by_id[photo.id]) for name in ("cells_both", "cells_either"))
        assert photo.iou == pytest.approx(both / either)


def test_a_photo_that_is_sent_nowhere_when_it_is_read_alone_still_has_its_masks(
    reader: ShardReader, scores: Scores
) -> None:
    """As by rounding, where a probability lies at its threshold; here by thresholds that nothing reaches."""
    alone = cascade(mirror=False, own_weights=True)
    alone.meta = alone.meta.model_copy(update={"thresholds": (1.1,) * len(CLASSES)})
    unboxed = [row if not reader.boxes(place) else row | {"masks": []} for place, row in enumerate(scores.photos)]
    photos = masked_photos(alone, reader, unboxed)
    assert photos
    assert {photo.said.shape for photo in photos} == {(8, 8)}
    by_id = {row["id"]: row["masks"] for row in scores.photos}
    for photo in photos:
        both, either = (sum(one[name] for one in by_id[photo.id]) for name in ("cells_both", "cells_either"))
        assert photo.iou == pytest.approx(both / either)


def test_slices_hold_boxes_and_masks_of_classes_and_masks_of_clusters(scores: Scores) -> None:
    rows = scores.by_slice(scores, Resamples(PHOTOS))
    metrics = ("box_recall", "mask_iou")
    located = {(row["kind"], row["value"], row["metric"]): row for row in rows if row["metric"] in metrics}
    classes = {("class", label, metric) for label in CLASSES for metric in ("box_recall", "mask_iou")}
    assert set(located) == classes | {("cluster", slug, "mask_iou") for slug in ("one", "two")}
    for row in scores.classes:
        assert located["class", row["label"], "box_recall"]["candidate"] == pytest.approx(row["box_recall"], abs=1e-6)
        assert located["class", row["label"], "mask_iou"]["candidate"] == pytest.approx(row["iou"], abs=1e-6)
    assert all(row["difference"] == row["low"] == row["high"] == 0 for row in located.values())
