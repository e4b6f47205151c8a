"""Mistakes put into the drawn release on purpose, so that validation has something to find.

Each is a row or a photo beside the true ones: without them the release is the same and faultless.
"""

import random
from dataclasses import dataclass

BOXES = "train-annotations-bbox.csv"
IMAGE_LABELS = "train-annotations-human-imagelabels-boxable.csv"
PHOTOS = "train-images-boxable.csv"

UNKNOWN_LABEL = "/m/0zzzz0"
"""Neither in the hierarchy nor in the descriptions."""

Row = list[str]


@dataclass(frozen=True)
class Planted:
    """How many rows of which file have the mistake, and what it looks like."""

    count: int
    file: str
    what: str


PLANTED_DEFECTS: dict[str, Planted] = {
    "box_flipped": Planted(3, BOXES, "XMin and XMax change places"),
    "box_flat": Planted(1, BOXES, "XMin equals XMax"),
    "box_outside": Planted(1, BOXES, "XMax is beyond 1"),
    "box_unknown_label": Planted(1, BOXES, f"the label is {UNKNOWN_LABEL}"),
    "box_duplicate": Planted(1, BOXES, "the row above it, once more"),
    "box_not_a_number": Planted(1, BOXES, "text in place of XMin: the row cannot be read"),
    "box_columns_missing": Planted(1, BOXES, "the row ends after seven of its thirteen columns"),
    "label_without_photo": Planted(1, IMAGE_LABELS, "the photo is not in the list of photos, nor is its file there"),
    "photo_missing": Planted(1, PHOTOS, "listed, with a box and an image label, but there is no file"),
    "photo_truncated": Planted(
        1, PHOTOS, "a JPEG cut off; listed with the size and MD5 it has, with a box and an image label"
    ),
    "photo_not_an_image": Planted(1, PHOTOS, "a web page named .jpg; listed likewise, with a box and an image label"),
}

X_MIN, X_MAX, LABEL = 4, 5, 2
"""Positions of columns in a row of boxes."""


def _spoiled(code: str, row: Row) -> Row:
    """A copy of a true box row with the mistake `code`."""
    copy = list(row)
    if code == "box_flipped":
        copy[X_MIN], copy[X_MAX] = row[X_MAX], row[X_MIN]
    elif code == "box_flat":
        copy[X_MAX] = row[X_MIN]
    elif code == "box_outside":
        copy[X_MAX] = f"{1 + float(row[X_MAX]) / 4:.6f}"
    elif code == "box_unknown_label":
        copy[LABEL] = UNKNOWN_LABEL
    elif code == "box_not_a_number":
        copy[X_MIN] = "left"
    elif code == "box_columns_missing":
        copy = copy[:7]
    return copy


def with_bad_boxes(rng: random.Random, rows: list[Row]) -> list[Row]:
    """The box rows with the planted ones among them, each below the true row that it was made from."""
    codes = [code for code, planted in PLANTED_DEFECTS.items() if planted.file == BOXES for _ in range(planted.count)]
    places = dict(zip(rng.sample(range(len(rows)), len(codes)), codes, strict=True))
    mixed: list[Row] = []
    for i, row in enumerate(rows):
        mixed.append(row)
        if i in places:
            mixed.append(_spoiled(places[i], row))
    return mixed


def spoiled_photo(code: str, jpeg: bytes) -> bytes | None:
    """The bytes of a photo with the mistake `code`; None for one that has no file."""
    if code == "photo_truncated":
        return jpeg[: len(jpeg) * 3 // 5]
    if code == "photo_not_an_image":
        return b"<!DOCTYPE html>\n<title>404 Not Found</title>\n<p>The requested photo does not exist.</p>\n"
    return None
