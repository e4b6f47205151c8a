"""Where the photos and their annotation come from."""

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from oi_tasks.profile.parts import Part


class Drawn(Part):
    """A release drawn by the project's own code."""

    photos: PositiveInt = Field(600, description="how many photos to draw")
    seed: NonNegativeInt = Field(0, description="equal seeds draw equal releases, byte for byte")


class ReleaseSpec(Part):
    """Where the photos and their annotation come from."""

    kind: Literal["folder", "drawn"] = Field("folder", description="folders in the form of a release, or drawn photos")
    folders: tuple[str, ...] = Field(
        (), description="folders in the form of a release; variables such as $HOME are filled in"
    )
    splits: tuple[str, ...] = Field(("train",), description="which of the release's splits to take")
    drawn: Drawn = Field(default_factory=Drawn, description="what to draw, for kind: drawn")
