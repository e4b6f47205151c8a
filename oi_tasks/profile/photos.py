"""How photos are split and stored for training."""

from typing import Annotated

from pydantic import Field, PositiveInt

from oi_tasks.profile.parts import Part, Share


class Splits(Part):
    """Shares of photos, by a hash of their id."""

    tune: Share = Field(0.1, description="photos that set thresholds")
    test: Share = Field(0.2, description="photos that are only ever evaluated")


class Photos(Part):
    """How photos are stored for training."""

    long_side: PositiveInt = Field(1024, description="longest side of the release's photos, in pixels")
    resolution: Annotated[float, Field(gt=0, le=1)] = Field(0.25, description="share of it to train at")
    quality: Annotated[int, Field(ge=50, le=100)] = Field(90, description="JPEG quality of the stored photos")
    per_shard: PositiveInt = Field(1000, description="photos in one shard")
