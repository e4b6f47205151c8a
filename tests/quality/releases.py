"""A small release in a folder without a fault, and the files of it, to plant one defect at a time into."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

BOXES = "train-annotations-bbox.csv"
IMAGE_LABELS = "train-annotations-human-imagelabels-boxable.csv"
LIST = "train-images-boxable.csv"
DESCRIPTIONS = "class-descriptions-boxable.csv"
HIERARCHY = "bbox_labels_600_hierarchy.json"
Rows = list[list[str]]


def read(folder: Path, name: str) -> Rows:
    with (folder / name).open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def write(folder: Path, name: str, rows: Rows) -> None:
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def set_cells(folder: Path, name: str, row: int, **cells: Any) -> None:
    """Other values in one row of a file; row 1 is the first below the names of the columns."""
    rows = read(folder, name)
    for column, value in cells.items():
        rows[row][rows[0].index(column)] = str(value)
    write(folder, name, rows)


def append(folder: Path, name: str, *rows: list[str]) -> None:
    write(folder, name, [*read(folder, name), *rows])


def change_tree(folder: Path, change: Callable[[Any], Any]) -> None:
    """The hierarchy as `change` leaves or returns it."""
    path = folder / HIERARCHY
    tree = json.loads(path.read_text())
    path.write_text(json.dumps(change(tree) or tree))


def node(tree: Any, label: str) -> Any:
    """The first node of a label."""
    left = [tree]
    while left:
        here = left.pop(0)
        if here["LabelName"] == label:
            return here
        left += here.get("Subcategory", []) + here.get("Part", [])
    raise KeyError(label)
