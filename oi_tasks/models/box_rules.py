"""From a cluster's masks to scored boxes, by rules that are chosen on the tune photos."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from oi_tasks.core.boxes import iou
from oi_tasks.core.components import Component, components

ScoreWay = Literal["product", "mask", "class", "peak"]
# How the probability of the class and those of its component's cells make a score.
WAYS: dict[ScoreWay, Callable[[float, Component], float]] = {
    "product": lambda said, part: said * part.score,
    "mask": lambda said, part: part.score,
    "class": lambda said, part: said,
    "peak": lambda said, part: said * part.peak,
}


class BoxRules(BaseModel):
    """How the masks of one cluster become boxes. The defaults are those of cascades without rules of their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    neck: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="split a component where it is narrower than this share of its widest place"
    )
    score: ScoreWay = Field("product", description="how class and mask probability make a score")
    min_cells: PositiveInt = Field(1, description="smallest component that becomes a box, in mask cells")


@dataclass(frozen=True)
class FoundBox:
    """A box with its class's MID and a score in [0, 1]; box is (XMin, YMin, XMax, YMax), normalised."""

    label: str
    box: tuple[float, float, float, float]
    score: float
    cluster: str = ""


def boxes_of_class(
    mask: NDArray[np.floating], threshold: float, said: float, rules: BoxRules, label: str, cluster: str
) -> list[FoundBox]:
    """The boxes of one class in one photo, from its mask (h, w) and its probability `said`."""
    return [
        FoundBox(label, part.box, WAYS[rules.score](said, part), cluster)
        for part in components(mask, threshold, rules.neck)
        if part.cells >= rules.min_cells
    ]


def without_duplicates(boxes: Sequence[FoundBox], overlap: float) -> list[FoundBox]:
    """Boxes by falling score, without those that overlap a better one of another cluster, or of the same class, by
    more than `overlap` (IoU): one thing is named once. Classes of one cluster may stand in one place.
    """
    ordered = sorted(boxes, key=lambda box: (-box.score, box.label, box.box))
    if len(ordered) < 2:
        return ordered
    corners = np.array([box.box for box in ordered])
    near = iou(corners, corners) > overlap
    kept: list[int] = []
    for place, box in enumerate(ordered):
        if not any(
            near[place, other] and (ordered[other].cluster != box.cluster or ordered[other].label == box.label)
            for other in kept
        ):
            kept.append(place)
    return [ordered[place] for place in kept]
