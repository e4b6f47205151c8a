"""Bring a part of the photos into the store: those whose ImageID begins with certain digits."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, PositiveInt

from oi_tasks.core.fingerprint import content_key
from oi_tasks.io.sources import open_source
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Mid, Profile

if TYPE_CHECKING:
    import polars as pl


class ChosenPhotos(Job):
    """What bringing in photos goes by, of all of them or of a part."""

    release: OutputId
    tables: OutputId
    originals: bool = True
    labels: tuple[Mid, ...] = ()
    per_label: PositiveInt | None = None

    class Result(JobResult):
        """How many photos are good, and why the others are not."""

        good: int
        bad: dict[str, int]

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's choice of photos."""
        photos = profile.release.photos
        chosen = {"originals": photos.originals, "labels": photos.labels, "per_label": photos.per_label}
        return cls(**{**chosen, **inputs})

    @property
    def whole(self) -> str:
        """What all parts of one whole have in common: the release and the choice of photos."""
        return content_key(self.model_dump(mode="json", include=set(ChosenPhotos.model_fields)))

    def bring(self, io: JobIO, digits: str) -> "Iterator[pl.DataFrame]":
        """Read, check, decode and store every photo that is taken and begins with one of the digits; its rows."""
        import polars as pl

        from oi_tasks.io.photo_intake import bring_photos, taken_photos

        release, tables = io.input("fetch", self.release), io.input("tables", self.tables)
        addresses = release.read_json("release.json")["sources"]
        sources = {name: open_source(io.store, address, io.settings) for name, address in addresses.items()}
        taken = taken_photos(release, tables, self.labels, self.per_label, digits)
        if not self.originals:
            taken = taken.with_columns(must_have=pl.lit(None, pl.Int64), md5=pl.lit(None, pl.String))
        with io.progress("photos", taken.height) as progress:
            yield from bring_photos(io.store, sources, taken, progress.update, mend=io.force)

    def publish(self, io: JobIO, frames: "Iterable[pl.DataFrame]") -> "ChosenPhotos.Result":
        """Write the rows as they come, and count the good and the bad."""
        from oi_tasks.io.photo_intake import write_photos

        reasons = write_photos(frames, io.out / "photos.parquet")
        return ChosenPhotos.Result(good=reasons.pop("", 0), bad=dict(sorted(reasons.items())))


class PhotoPart(ChosenPhotos):
    """Bring a part of the photos into the store: those whose ImageID begins with one of `digits`.

    Publishes `photos.parquet` as `photos` does, of this part. A part that is done is not done again when another fails.
    An ImageID that is no hex number belongs to the digit 0.
    """

    version: ClassVar[str] = "1"
    digits: Annotated[str, Field(pattern=r"^[0-9a-f]{1,16}$")]

    class Result(ChosenPhotos.Result):
        """Also which part it is, and of what: two parts without a photo are not the same output."""

        digits: str
        of: str

    def run(self, io: JobIO) -> Result:
        """Bring the photos of these digits."""
        found = self.publish(io, self.bring(io, self.digits))
        return self.Result(**found.model_dump(), digits=self.digits, of=self.whole)
