"""The Open Images detection metric at the size of the validation set, against the plain second implementation."""

import csv
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.measure import REPEATS, Figure
from oi_tasks.core.openimages_map import BoxTable, Lineage, judge
from oi_tasks.io.detections import DetectionFiles, read_detection_files
from tests.core.plain_map import plain_map

PHOTOS, CLASSES, TRUE, PREDICTED = 41_620, 600, 300_000, 1_000_000
FAMILY = 10  # classes
SAMPLE = 6  # one family of classes in so many is judged by the plain metric, on all photos
# The command in a process of its own, which says its seconds of processor time (a busy machine does not count)
# without Python's start, and its largest memory.
MEASURED = """
import resource, sys, time
from oi_tasks.commands.detection_map import detection_map
from pathlib import Path
began = time.process_time()
detection_map(*map(Path, sys.argv[1:5]), as_json=True)
print(time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, file=sys.stderr)
"""


def figures() -> Iterator[Figure]:
    """Processor seconds and memory of the whole command, files read; and its speed against the plain metric."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree = _write(folder / "whole")
        paths = [folder / "whole" / part for part in ("boxes", "labels", "hierarchy", "predictions")]
        words = [sys.executable, "-c", MEASURED, *map(str, paths)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        seconds, memory = map(float, done.stderr.split())
        size = f"{PHOTOS:,} photos, {CLASSES} classes, {TRUE:,} true and {PREDICTED:,} predicted boxes"
        yield Figure("detection_map_seconds", seconds, 20, False, "s", size)
        yield Figure("detection_map_memory", memory, 2, False, "GB", "the same process, at its largest")
        faster = _against_plain(tree, read_detection_files(*paths))
        yield Figure(
            "detection_map_plain",
            faster,
            20,
            True,
            "x",
            f"the plain metric on 1 of {SAMPLE} families of classes, by box",
        )


def _write(folder: Path) -> dict[str, Any]:
    """Random files: boxes cluster in photos and classes as real ones do. Returns the hierarchy."""
    draw = random.Random(0)
    folder.mkdir()
    names = [f"/m/{number:04d}" for number in range(CLASSES)]
    tree: dict[str, Any] = {"LabelName": "/m/root", "Subcategory": []}
    for start in range(0, CLASSES, FAMILY):  # a head, three of its kinds, six of theirs
        head, *rest = ({"LabelName": name, "Subcategory": []} for name in names[start : start + 10])
        tree["Subcategory"].append(head)
        head["Subcategory"] = rest[:3]
        for place, child in enumerate(rest[3:]):
            rest[place % 3]["Subcategory"].append(child)
    (folder / "hierarchy").write_text(json.dumps(tree))
    weights = [1 / (rank + 10) for rank in range(CLASSES)]
    photos = [f"{number:016x}" for number in range(PHOTOS)]
    labels = {photo: draw.choices(names, weights, k=3) for photo in photos}

    def box() -> tuple[float, ...]:
        left, top, wide, high = (draw.random() for _ in range(4))
        return left, left + (1 - left) * wide, top, top + (1 - top) * high

    true = [(photo, draw.choice(labels[photo]), box()) for photo in draw.choices(photos, k=TRUE)]
    _rows(
        folder / "boxes",
        "ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf",
        ((*row[:2], *map(repr, row[2]), int(draw.random() < 0.06)) for row in true),
    )
    verified = ((photo, label, 1 - (place == 2)) for photo in photos for place, label in enumerate(labels[photo]))
    _rows(folder / "labels", "ImageID,LabelName,Confidence", verified)

    def predicted() -> Iterator[tuple[Any, ...]]:
        for _ in range(PREDICTED):
            photo, label, near = draw.choice(true)
            kind = draw.random()
            place = [min(max(edge + draw.gauss(0, 0.02), 0), 1) for edge in near] if kind < 0.5 else box()
            left, right, top, bottom = place
            own = label if kind < 0.8 else draw.choice(names)
            yield photo, own, draw.random(), min(left, right), max(left, right), min(top, bottom), max(top, bottom)

    _rows(folder / "predictions", "ImageID,LabelName,Score,XMin,XMax,YMin,YMax", predicted())
    return tree


def _rows(path: Path, header: str, rows: Any) -> None:
    with path.open("w", newline="") as file:
        file.write(header + "\n")
        csv.writer(file).writerows(rows)


def _against_plain(tree: dict[str, Any], files: DetectionFiles) -> float:
    """The plain metric's seconds for a box on a sample of families, divided by ours for a box on all of them."""
    lineage, rounds = Lineage.of(files.labels, files.hierarchy), []
    for _ in range(REPEATS):
        began = time.process_time()
        judge(files.true, files.image_labels, files.predictions, lineage).average_precisions()
        rounds.append(time.process_time() - began)
    ours = median(rounds) / (len(files.true) + len(files.predictions))
    sampled = np.array([label.startswith("/m/0") and int(label[3:]) // FAMILY % SAMPLE == 0 for label in files.labels])
    true, said = (table.take(sampled[table.label]) for table in (files.true, files.predictions))
    verified = files.image_labels
    labels = [
        (files.photos[photo], files.labels[label], bool(present))
        for photo, label, present in zip(verified.photo, verified.label, verified.present, strict=True)
        if sampled[label]
    ]
    boxes = _plainly(files, true, true.group.tolist()), labels, _plainly(files, said, said.score.tolist())
    began = time.process_time()
    plain_map(tree, *boxes)
    return (time.process_time() - began) / (len(true) + len(said)) / ours


def _plainly(files: DetectionFiles, table: BoxTable, last: list[Any]) -> list[Any]:
    """Boxes as the plain metric takes them."""
    columns = zip(table.photo.tolist(), table.label.tolist(), table.box.tolist(), last, strict=True)
    return [(files.photos[photo], files.labels[label], tuple(box), value) for photo, label, box, value in columns]
