"""Where the photos and their annotation come from."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from oi_tasks.profile.parts import Mid, Part


class Drawn(Part):
    """A release drawn by the project's own code."""

    photos: PositiveInt = Field(600, description="how many photos to draw")
    seed: NonNegativeInt = Field(0, description="equal seeds draw equal releases, byte for byte")


class ReleaseFile(Part):
    """A published file of annotation: where it lies, and what is known about it."""

    address: str = Field(description="a web address, s3://bucket/key, or a path; its last part tells what it is")
    size: PositiveInt | None = Field(None, description="its size in bytes, where published")
    md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = Field(None, description="its MD5, where published")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(None, description="its SHA-256, if known")


class PhotoChoice(Part):
    """Where the photos of a published release lie, and which of them to take."""

    address: str = Field("", description="where {split}/{ImageID}.jpg lie, for kind: published")
    originals: bool = Field(True, description="they are the listed originals: size and MD5 must be those of the list")
    labels: tuple[Mid, ...] = Field((), description="take photos that show one of these labels; none: of any label")
    per_label: PositiveInt | None = Field(
        None, description="take at most so many for each label, the first by ImageID; none: all photos"
    )
    parts: Annotated[int, Field(ge=1, le=16)] = Field(
        1, description="bring them in so many tasks at once, by the first digit of ImageID: pods that share the work"
    )


class ReleaseSpec(Part):
    """Where the photos and their annotation come from."""

    kind: Literal["folder", "published", "drawn"] = Field(
        "folder", description="folders in the form of a release, files published one by one, or drawn photos"
    )
    folders: tuple[str, ...] = Field(
        (),
        description="folders in the form of a release, or s3://bucket/prefix; variables such as $HOME are filled in",
    )
    files: tuple[ReleaseFile, ...] = Field((), description="the files of annotation, for kind: published")
    splits: tuple[str, ...] = Field(("train",), description="which of the release's splits to take")
    photos: PhotoChoice = Field(default_factory=PhotoChoice, description="which photos to take, and from where")
    drawn: Drawn = Field(default_factory=Drawn, description="what to draw, for kind: drawn")
