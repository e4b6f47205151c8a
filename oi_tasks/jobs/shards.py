"""Store the photos at training size, in shards: one set of tars for each split and aspect bin."""

import hashlib
import io as bytes_io
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, PositiveInt

from oi_tasks.core.aspect import BINS, Alike, aspect_bin, canvas
from oi_tasks.core.splits import split_of
from oi_tasks.errors import BadInput
from oi_tasks.io.store import RAW, Store, photo_key
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Profile, Share

if TYPE_CHECKING:
    import polars as pl

THREADS = 8
AHEAD = 64  # photos under way, which bounds memory
OWN_SPLITS = {"validation": "tune", "test": "test"}  # the release's name of a split: ours


class Shards(Job):
    """Store the photos at training size, in shards: one set of tars for each split and aspect bin.

    Publishes `shards/<split>-<bin>-<number>.tar`, `samples.parquet` and `index.json`; the id of this output is the
    dataset's id. Each photo is decoded once, at the scale nearest to its canvas, and squashed to it.
    """

    version: ClassVar[str] = "2"
    classes: OutputId = Field(description="id of the class map (collapse)")
    validated: OutputId = Field(description="id of the clean tables (validate)")
    side: PositiveInt = Field(256, description="side of the square canvas, in pixels")
    aspects: tuple[str, ...] = Field(BINS, description="shapes of the canvases, width x height")
    alike: Alike = Field("long side", description="what the canvases of all shapes have in common")
    quality: Annotated[int, Field(ge=50, le=100)] = Field(90, description="JPEG quality of the stored photos")
    per_shard: PositiveInt = Field(1000, description="photos in one shard")
    tune: Share = Field(0.1, description="share of photos that set thresholds")
    test: Share = Field(0.2, description="share of photos that are only ever evaluated")

    class Result(JobResult):
        """How many photos stand in each split."""

        photos: dict[str, int]
        shards: int

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's size of photos, and shares of splits."""
        photos, splits = profile.photos, profile.splits
        return cls(
            **{
                "side": round(photos.long_side * photos.resolution),
                "aspects": photos.aspects,
                "alike": photos.alike,
                "quality": photos.quality,
                "per_shard": photos.per_shard,
                "tune": splits.tune,
                "test": splits.test,
                **inputs,
            }
        )

    def run(self, io: JobIO) -> Result:
        """Gather what is known of each photo, then write shard after shard. Raises BadInput when no photo is known."""
        import polars as pl

        from oi_tasks.io.samples import read_samples
        from oi_tasks.io.shards import INDEX, SAMPLES, SPLITS, DatasetIndex

        class_map = io.input("collapse", self.classes).read_json("class_map.json")
        samples = self._in_order(read_samples(io.input("validate", self.validated), class_map))
        if samples.height == 0:
            raise BadInput(
                "no photo shows, or is verified not to show, any class",
                fix="check the class map's labels",
                code="no_data",
            )
        written = []
        with io.progress("shards", samples.height) as progress:
            for (split, bin_name), rows in samples.group_by("split", "bin", maintain_order=True):
                for number, photos in enumerate(rows.iter_slices(self.per_shard)):
                    name = f"shards/{split}-{bin_name}-{number:04d}.tar"
                    written.append(self._write(io, name, photos, progress.update))
        stored = pl.concat(written)
        stored.write_parquet(io.out / SAMPLES)
        counts = {(split, name): count for split, name, count in stored.group_by("split", "bin").len().iter_rows()}
        index = DatasetIndex(
            canvases={name: canvas(name, self.side, self.alike) for name in self.aspects},
            classes=class_map["classes"],
            clusters=class_map["clusters"],
            unverified=class_map["unverified"],
            counts={split: {name: counts.get((split, name), 0) for name in self.aspects} for split in SPLITS},
        )
        (io.out / INDEX).write_text(index.model_dump_json(indent=1))
        photos_in = {split: sum(index.counts[split].values()) for split in SPLITS}
        return self.Result(photos=photos_in, shards=len(written))

    def _in_order(self, samples: "pl.DataFrame") -> "pl.DataFrame":
        """The samples with our split and bin, sorted by split, bin and a hash of the id: a fixed shuffle."""
        import polars as pl

        subsets = frozenset(samples["split"].unique())
        pairs = zip(samples["ImageID"], samples["split"], strict=True)
        split = [self.split(image_id, subset, subsets) for image_id, subset in pairs]
        order = [hashlib.sha256(image_id.encode()).digest()[:8] for image_id in samples["ImageID"]]
        sizes = samples.select("width", "height").iter_rows()
        bins = [aspect_bin(width, height, self.aspects) for width, height in sizes]
        return (
            samples.with_columns(
                bin=pl.Series(bins, dtype=pl.String),
                split=pl.Series(split, dtype=pl.String),
                order=pl.Series(order, dtype=pl.Binary),
            )
            .sort("split", "bin", "order", "ImageID")
            .drop("order")
        )

    def split(self, image_id: str, subset: str, subsets: Collection[str]) -> str:
        """The split of a photo: the release's own where it has several, by hash where it has one or lacks one."""
        if len(subsets) > 1 and subset in OWN_SPLITS:
            return OWN_SPLITS[subset]
        tune = 0.0 if len(subsets) > 1 and "validation" in subsets else self.tune
        test = 0.0 if len(subsets) > 1 and "test" in subsets else self.test
        return split_of(image_id, tune, test)

    def _write(self, io: JobIO, name: str, photos: "pl.DataFrame", advance: Any) -> "pl.DataFrame":
        """Write one shard. Returns its rows of `samples.parquet`."""
        import polars as pl

        from oi_tasks.io.ahead import map_ahead
        from oi_tasks.io.shards import write_shard

        size = canvas(photos["bin"][0], self.side, self.alike)

        def sample(facts: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
            image_id, sha256 = facts.pop("ImageID"), facts.pop("sha256")
            return fit_photo(io.store, sha256, size, self.quality), {"id": image_id, **facts}

        def samples() -> Any:
            for made in map_ahead(sample, photos.iter_rows(named=True), THREADS, AHEAD):
                advance()
                yield made

        places = write_shard(io.out / name, samples())
        return photos.rename({"ImageID": "id"}).with_columns(
            shard=pl.lit(name),
            offset=pl.Series([offset for offset, _ in places], dtype=pl.Int64),
            size=pl.Series([size for _, size in places], dtype=pl.Int32),
        )


def fit_photo(store: Store, sha256: str, canvas_size: tuple[int, int], quality: int) -> bytes:
    """A stored photo, squashed to its canvas (width, height), as JPEG bytes.

    Decoded at the smallest of JPEG's own scales that still covers the canvas. Pixels as stored: boxes are drawn on
    them, so no EXIF rotation is applied.
    """
    from PIL import Image

    from oi_tasks.io.rgb import as_rgb

    photo = Image.open(bytes_io.BytesIO(store.get_bytes(RAW, photo_key(sha256))))
    photo.draft("RGB", canvas_size)
    fitted = as_rgb(photo).resize(canvas_size, Image.Resampling.BICUBIC)
    encoded = bytes_io.BytesIO()
    fitted.save(encoded, "JPEG", quality=quality, subsampling=0)
    return encoded.getvalue()
