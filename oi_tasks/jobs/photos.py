"""Bring the photos into the store, each decoded once to prove that it is one."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import PositiveInt

from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Output
from oi_tasks.io.sources import Source, open_source
from oi_tasks.io.store import RAW, Store, photo_key
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Mid, Profile

if TYPE_CHECKING:
    import polars as pl

THREADS = 8
ROUND = 512  # photos under way before the next are taken, which bounds memory


class Photos(Job):
    """Bring the photos into the store, each decoded once to prove that it is one.

    Publishes `photos.parquet`: ImageID, split, source, sha256, size, width, height, aspect, bin, mode, reason. A photo
    that is none, or not the one that the release lists, keeps its row with the reason; it never ends the run.
    """

    version: ClassVar[str] = "2"
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

    def run(self, io: JobIO) -> Result:
        """Read, check, decode and store every photo that is taken, several at a time."""
        import polars as pl

        from oi_tasks.io.photo_check import PHOTO_SCHEMA

        release, tables = io.input("fetch", self.release), io.input("tables", self.tables)
        addresses = release.read_json("release.json")["sources"]
        sources = {name: open_source(io.store, address, io.settings) for name, address in addresses.items()}
        files, listed = self._taken(release, tables)
        found = [pl.DataFrame(schema=PHOTO_SCHEMA)]
        with io.progress("photos", files.height) as progress, ThreadPoolExecutor(THREADS) as pool:
            for batch in files.iter_slices(ROUND):
                rows = pool.map(lambda file: _bring(io.store, sources, file), batch.iter_rows(named=True))
                found.append(pl.DataFrame([_counted(row, progress) for row in rows], schema=PHOTO_SCHEMA))
        table = pl.concat(found)
        table = pl.concat([table, _missing(listed, table)]).sort("ImageID", "source").unique("ImageID", keep="first")
        table = table.sort("ImageID")
        table.write_parquet(io.out / "photos.parquet")
        bad = table.drop_nulls("reason").group_by("reason").len().sort("reason")
        return self.Result(good=table["reason"].null_count(), bad=dict(bad.iter_rows()))

    def _taken(self, release: Output, tables: Output) -> "tuple[pl.DataFrame, pl.DataFrame]":
        """The files to bring, each with the size and MD5 that it must have, and the photos that are listed."""
        import polars as pl

        files = pl.read_parquet(release.local("photos.parquet"))
        files = files.with_columns(ImageID=pl.col("name").str.strip_suffix(".jpg"))
        listed = pl.read_parquet(tables.local("photo_list.parquet"), columns=["ImageID", "Subset", "size", "md5"])
        if self.labels or self.per_label is not None:
            from oi_tasks.io.photo_choice import choose_photos

            boxes = [tables.local(name) for name in tables.names("boxes/")]
            labels = tables.local("image_labels.parquet")
            chosen = choose_photos(boxes, labels, self.labels, self.per_label).implode()
            files, listed = (one.filter(pl.col("ImageID").is_in(chosen)) for one in (files, listed))
        once = listed.unique("ImageID", keep="last", maintain_order=True)
        expected = once.select("ImageID", must_have="size", md5="md5")
        if not self.originals:
            expected = expected.with_columns(must_have=pl.lit(None, pl.Int64), md5=pl.lit(None, pl.String))
        return files.join(expected, on="ImageID", how="left", maintain_order="left"), listed


def _counted(row: dict[str, Any], progress: Any) -> dict[str, Any]:
    progress.update()
    return row


def _bring(store: Store, sources: dict[str, Source], file: dict[str, Any]) -> dict[str, Any]:
    """Check one photo and store it by content. Returns its row."""
    from oi_tasks.io.photo_check import LARGEST_FILE, check_photo
    from oi_tasks.io.release import PhotoFile

    photo = PhotoFile(file["split"], file["name"], file["size"])
    row = {name: file[name] for name in ("ImageID", "split", "source")}
    if not photo.image_id:
        return row | {"size": photo.size, "reason": "bad_name"}
    if photo.size is not None and photo.size > LARGEST_FILE:
        return row | {"size": photo.size, "reason": "too_many_bytes"}
    try:
        data = sources[file["source"]].read(f"{file['split']}/{file['name']}", at_most=LARGEST_FILE)
    except FileNotFoundError:
        return row | {"size": 0, "reason": "missing"}
    except BadInput as error:
        return row | {"size": photo.size, "reason": error.code}
    except OSError:  # of this machine's disk; a server that does not answer is Unreachable, and ends the run
        return row | {"size": photo.size, "reason": "unreadable"}
    facts = check_photo(data, file["must_have"], file["md5"])
    if facts["reason"] is None:
        # One request, whether it is there or not: asking first would be a second one for each new photo.
        store.put_if_absent(RAW, photo_key(facts["sha256"]), data, by_content=True)
    return row | facts


def _missing(listed: Any, found: Any) -> Any:
    """Rows for the photos that the release lists and does not hold."""
    import polars as pl

    from oi_tasks.io.photo_check import PHOTO_SCHEMA

    gone = listed.join(found, on="ImageID", how="anti").select(
        "ImageID", pl.col("Subset").alias("split"), pl.lit("missing").alias("reason")
    )
    return gone.select(
        pl.col(name).cast(kind) if name in gone.columns else pl.lit(None, dtype=kind).alias(name)
        for name, kind in PHOTO_SCHEMA.items()
    )
