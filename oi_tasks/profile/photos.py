"""How photos are split and stored for training."""

from typing import Annotated, Self

from pydantic import Field, PositiveInt, StringConstraints, model_validator

from oi_tasks.core.aspect import BINS, Alike, aspect_of_bin
from oi_tasks.profile.parts import Part, Share

Aspect = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]?x[1-9][0-9]?$")]  # width x height, such as 4x3


class Splits(Part):
    """Shares of photos, by a hash of their id."""

    tune: Share = Field(0.1, description="photos that set thresholds")
    test: Share = Field(0.2, description="photos that are only ever evaluated")

    @model_validator(mode="after")
    def _some_to_train_on(self) -> Self:
        if self.tune + self.test >= 1:
            raise ValueError(f"tune {self.tune:g} and test {self.test:g} together leave no photo to train on")
        return self


class Photos(Part):
    """How photos are stored for training."""

    long_side: PositiveInt = Field(1024, description="longest side of the release's photos, in pixels")
    resolution: Annotated[float, Field(gt=0, le=1)] = Field(0.25, description="share of it to train at")
    aspects: Annotated[tuple[Aspect, ...], Field(min_length=1)] = Field(
        BINS, description="shapes that photos are squashed to, each the nearest one; more shapes squash less"
    )
    alike: Alike = Field("long side", description="what the canvases of all shapes have in common with the square one")
    quality: Annotated[int, Field(ge=50, le=100)] = Field(90, description="JPEG quality of the stored photos")
    per_shard: PositiveInt = Field(1000, description="photos in one shard")

    @model_validator(mode="after")
    def _different_aspects(self) -> Self:
        if len({aspect_of_bin(name) for name in self.aspects}) < len(self.aspects):
            raise ValueError(f"two of the aspects {', '.join(self.aspects)} are one shape")
        return self
