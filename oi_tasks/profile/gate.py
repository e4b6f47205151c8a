"""What a model must reach."""

from typing import Annotated

from pydantic import Field, PositiveInt

from oi_tasks.profile.parts import Part


class Threshold(Part):
    """What one number must reach."""

    floor: float | None = Field(None, description="smallest value that passes")
    may_lose: Annotated[float, Field(ge=0)] | None = Field(
        None, description="how much worse than the champion it may be"
    )


class Gate(Part):
    """Thresholds by number; a number without a threshold is shown, not judged. No thresholds: nothing passes."""

    classifier: dict[str, Threshold] = Field(default_factory=dict, description="numbers of the classifier")
    semseg: dict[str, Threshold] = Field(default_factory=dict, description="numbers of each cluster's model")
    cascade: dict[str, Threshold] = Field(default_factory=dict, description="numbers of the cascade")
    min_test_photos: PositiveInt = Field(20, description="fewer test photos than this judge nothing")
