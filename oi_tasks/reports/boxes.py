"""The page on masks and boxes: what the clusters see, against the truth; and how often they are asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oi_tasks.models.masked_photos import MaskedPhoto
from oi_tasks.reports import box_plots
from oi_tasks.reports.page import render
from oi_tasks.reports.photo_strip import small


@dataclass(frozen=True)
class Seen:
    """What scoring a split left behind of its masks and boxes."""

    classes: Sequence[Mapping[str, Any]]
    """A row a class: name, IoU and Dice of its masks (None without a cluster), boxes, box recall."""
    areas: Sequence[Mapping[str, Any]]
    """A row a size of boxes."""
    masks: Sequence[Mapping[str, Any]]
    """A row a class and threshold."""
    routing: Mapping[str, Any] | None
    photos: Sequence[MaskedPhoto]


def boxes_page(seen: Seen, model: str, subject: str, numbers: Mapping[str, Mapping[str, float | None]]) -> str:
    """The page as self-contained HTML. `numbers` are the cascade's: value, low and high by name."""
    judged = [row for row in seen.classes if row["iou"] is not None]
    drawn = [row for row in judged if row["boxes"]]
    return render(
        "boxes.html.j2",
        model=model,
        subject=subject,
        numbers=numbers,
        routing=seen.routing,
        photos=[_photo(photo) for photo in seen.photos],
        classes=sorted(judged, key=lambda row: (row["iou"], row["name"])),
        areas=[row for row in seen.areas if row["boxes"]],
        overlap=box_plots.overlap(drawn) if drawn else "",
        recall=box_plots.recall_by_area(seen.areas) if any(row["boxes"] for row in seen.areas) else "",
        curves=box_plots.precision_and_recall(seen.masks) if seen.masks else "",
    )


def _photo(photo: MaskedPhoto) -> dict[str, Any]:
    picture = small(photo.jpeg)
    return {
        "id": photo.id,
        "iou": photo.iou,
        "names": ", ".join(photo.names) or "none of the classes",
        "pictures": []
        if picture is None
        else [
            (title, picture | {"boxes": _strips(mask, of)})
            for title, mask, of in (("truth", photo.true, "mask"), ("said", photo.said, "mask said"))
        ],
    }


def _strips(mask: NDArray[np.bool_], of: str) -> list[dict[str, Any]]:
    """A mask (h, w) as shapes to lay over a photo: one for each run of cells in a row."""
    height, width = mask.shape
    strips = []
    for row, cells in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], cells.astype(int), [0]])))
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            place = {"x": start / width, "y": row / height, "width": (end - start) / width, "height": 1 / height}
            strips.append({"of": of, **place})
    return strips
