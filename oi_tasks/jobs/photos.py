"""Bring the photos into the store, each decoded once to prove that it is one."""

from typing import ClassVar

from oi_tasks.core.partitions import DIGITS
from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Output
from oi_tasks.jobs.base import JobIO, OutputId
from oi_tasks.jobs.photo_part import ChosenPhotos


class Photos(ChosenPhotos):
    """Bring the photos into the store, each decoded once to prove that it is one.

    Publishes `photos.parquet`: ImageID, split, source, sha256, size, width, height, aspect, bin, mode, reason. A photo
    that is none, or not the one that the release lists, keeps its row with the reason; it never ends the run. With
    `parts` it brings nothing itself: it puts together what `photo_part` brought, to the same output.
    """

    version: ClassVar[str] = "2"
    parts: tuple[OutputId, ...] = ()

    def run(self, io: JobIO) -> ChosenPhotos.Result:
        """Bring all photos, or put the parts together. Raises BadInput for parts that do not make up the whole."""
        if not self.parts:
            return self.publish(io, self.bring(io, DIGITS))
        import polars as pl

        parts = [io.input("photo_part", part) for part in self.parts]
        self._demand_whole(parts)
        tables = [pl.read_parquet(part.local("photos.parquet")) for part in parts]
        return self.publish(io, [pl.concat(tables).sort("ImageID")])

    def _demand_whole(self, parts: list[Output]) -> None:
        """Raise BadInput unless the parts are of this release and choice, and each digit is in one of them."""
        for part in parts:
            if part.result["of"] != self.whole:
                what = f"the part {part.id} is of another release, or of another choice of photos"
                raise BadInput(what, fix="give the parts of one run", code="field")
        digits = "".join(part.result["digits"] for part in parts)
        wrong = [digit for digit in DIGITS if digits.count(digit) != 1]
        if wrong:
            what = f"the parts do not hold each photo once: {', '.join(wrong)} is in none or in several of them"
            raise BadInput(what, fix="give one part for each digit that an ImageID may begin with", code="field")
