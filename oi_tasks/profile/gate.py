"""What a model must reach."""

from typing import Annotated, Self

from pydantic import Field, FiniteFloat, PositiveFloat, PositiveInt, model_validator

from oi_tasks.profile.parts import Part, Share

NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Threshold(Part):
    """What one number must reach."""

    floor: FiniteFloat | None = Field(None, description="smallest value that passes")
    ceiling: FiniteFloat | None = Field(None, description="largest value that passes, where less is better")
    may_lose: NotNegative | None = Field(None, description="how much worse than the champion it may be")
    min_photos: int = Field(0, ge=0, description="fewest test photos that it must rest on")

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        """A floor says that more is better, a ceiling that less is: `may_lose` cannot go by both."""
        if self.floor is not None and self.ceiling is not None:
            raise ValueError("a number has a floor, if more of it is better, or a ceiling, if less is, but not both")
        return self


class Slices(Part):
    """How much a single class, parent, cluster, aspect or kind of box may lose, though the mean improves."""

    may_lose: NotNegative = Field(0.05, description="what a slice may lose")
    alpha: Share = Field(0.05, description="chance of one false alarm among all slices (Holm)")
    min_photos: PositiveInt = Field(20, description="smaller slices are shown, not judged")


class Budgets(Part):
    """What a version may take; nothing named, nothing judged."""

    megabytes: PositiveFloat | None = Field(None, description="largest size of the model's files")
    milliseconds: PositiveFloat | None = Field(
        None, description="longest time for a photo (median of the serve check), on the machine that checks"
    )
    load_seconds: PositiveFloat | None = Field(None, description="longest time to load a version")


class Gate(Part):
    """Thresholds by number; a number without a threshold is shown, not judged. No thresholds: nothing passes."""

    classifier: dict[str, Threshold] = Field(default_factory=dict, description="numbers of the classifier")
    semseg: dict[str, Threshold] = Field(default_factory=dict, description="numbers of each cluster's model")
    cascade: dict[str, Threshold] = Field(default_factory=dict, description="numbers of the cascade")
    min_test_photos: PositiveInt = Field(20, description="fewer test photos than this judge nothing")
    slices: Slices | None = Field(None, description="what a slice may lose; none: slices are shown, not judged")
    budgets: Budgets = Field(default_factory=Budgets, description="size and speed")
