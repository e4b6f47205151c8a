"""The published hierarchy read and its classes chosen, against the bare parsing of the same files."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Figure, ratio
from oi_tasks.core.collapse import Asked, collapse
from oi_tasks.io.class_files import read_counts, read_descriptions, read_hierarchy

DATA = Path(__file__).parents[2] / "shared" / "data"
HIERARCHY = DATA / "real-photos" / "bbox_labels_600_hierarchy.json"
DESCRIPTIONS = DATA / "real-photos" / "class-descriptions-boxable.csv"
COUNTS = DATA / "v4-metadata" / "v4-train-box-counts.csv"


def figures() -> Iterator[Figure]:
    """How many times as long as parsing alone it takes to choose 76 classes; nothing where the files are not there."""
    if not COUNTS.is_file():
        return

    def chosen() -> None:
        counts = read_counts(COUNTS)
        read_descriptions(DESCRIPTIONS)
        collapse(read_hierarchy(HIERARCHY), counts.boxes, Asked(76, 10_000, 0.91 * counts.total))

    def parsed() -> None:
        for _ in range(20):  # one pass is too short to time
            json.loads(HIERARCHY.read_bytes())
            for path in (DESCRIPTIONS, COUNTS):
                list(csv.reader(path.read_text(encoding="utf-8").splitlines()))

    yield Figure("classes_chosen", 20 * ratio(chosen, parsed), 1000, False, "x", "json and csv parse the same files")
