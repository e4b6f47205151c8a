"""Bring the photos into the store, each decoded once to prove that it is one."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

from oi_tasks.io.sources import Source, open_source
from oi_tasks.io.store import RAW, Store, photo_key
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Profile

THREADS = 8
ROUND = 512  # photos under way before the next are taken, which bounds memory


class Photos(Job):
    """Bring the photos into the store, each decoded once to prove that it is one.

    Publishes `photos.parquet`: ImageID, split, source, sha256, size, width, height, aspect, bin, mode, reason. A photo
    that is none, or not the one that the release lists, keeps its row with the reason; it never ends the run.
    """

    release: OutputId
    tables: OutputId

    class Result(JobResult):
        """How many photos are good, and why the others are not."""

        good: int
        bad: dict[str, int]

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """Nothing of the profile matters here."""
        return cls(**inputs)

    def run(self, io: JobIO) -> Result:
        """Read, check, decode and store every photo of the release, several at a time."""
        import polars as pl

        from oi_tasks.io.photo_check import PHOTO_SCHEMA

        release = io.input("fetch", self.release)
        addresses = release.read_json("release.json")["sources"]
        sources = {name: open_source(io.store, address) for name, address in addresses.items()}
        files = pl.read_parquet(release.local("photos.parquet"))
        listed = pl.read_parquet(io.input("tables", self.tables).local("photo_list.parquet"))
        expected = {
            image_id: (size, md5) for image_id, size, md5 in listed.select("ImageID", "size", "md5").iter_rows()
        }
        rows: list[dict[str, Any]] = []
        with io.progress("photos", files.height) as progress, ThreadPoolExecutor(THREADS) as pool:
            for batch in files.iter_slices(ROUND):
                for row in pool.map(
                    lambda file: _bring(io.store, sources, expected, file), batch.iter_rows(named=True)
                ):
                    rows.append(row)
                    progress.update()
        table = pl.DataFrame(rows, schema=PHOTO_SCHEMA)
        table = pl.concat([table, _missing(listed, table)]).sort("ImageID", "source").unique("ImageID", keep="first")
        table = table.sort("ImageID")
        table.write_parquet(io.out / "photos.parquet")
        bad = table.drop_nulls("reason").group_by("reason").len().sort("reason")
        return self.Result(good=table["reason"].null_count(), bad=dict(bad.iter_rows()))


def _bring(
    store: Store, sources: dict[str, Source], expected: dict[str, tuple[int, str]], file: dict[str, Any]
) -> dict[str, Any]:
    """Check one photo and store it by content. Returns its row."""
    from oi_tasks.io.photo_check import check_photo
    from oi_tasks.io.release import PhotoFile

    photo = PhotoFile(file["split"], file["name"], file["size"])
    row: dict[str, Any] = {"ImageID": photo.image_id or file["name"], "split": file["split"], "source": file["source"]}
    if not photo.image_id:
        return row | {"size": photo.size, "reason": "bad_name"}
    try:
        data = sources[file["source"]].read(f"{file['split']}/{file['name']}")
    except FileNotFoundError:
        return row | {"size": 0, "reason": "missing"}
    size, md5 = expected.get(photo.image_id, (None, None))
    facts = check_photo(data, size, md5)
    if facts["reason"] is None and not store.exists(RAW, photo_key(facts["sha256"])):
        store.put_bytes(RAW, photo_key(facts["sha256"]), data, "image/jpeg")
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
