"""How labels collapse into classes, and classes into clusters."""

from typing import Literal

from pydantic import Field, PositiveInt

from oi_tasks.core.homes import Fix
from oi_tasks.profile.parts import Mid, Part, Share


class Override(Part):
    """A correction by hand to the class map, applied last and shown as such."""

    label: Mid = Field(description="MID of the label")
    action: Literal["keep", "drop", "merge"] = Field(description="keep as a class, drop, or merge into another class")
    into: Mid | None = Field(None, description="MID of the class, for merge")


class Classes(Part):
    """How labels collapse into classes."""

    max: PositiveInt = Field(76, description="largest number of classes")
    min_coverage: Share = Field(0.91, description="share of all boxes (or photos) that the classes must cover")
    count: Literal["boxes", "photos"] = Field("boxes", description="what a class's size is counted in")
    min_count: PositiveInt = Field(10_000, description="smallest class, in that count")
    unverified: Literal["ignore", "negative"] = Field(
        "ignore", description="a class not verified for a photo: unknown, or absent"
    )
    overrides: tuple[Override, ...] = Field((), description="corrections by hand")
    switched_off: tuple[Fix, ...] = Field((), description="fixes of the hierarchy that are not made")


class Clusters(Part):
    """Which classes share a segmentation model."""

    max: PositiveInt = Field(12, description="largest number of clusters")
    max_classes: PositiveInt = Field(24, description="largest number of classes in a cluster")
    min_photos: PositiveInt = Field(500, description="a cluster with fewer photos with boxes is not trained")
