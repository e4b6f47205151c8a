"""Turn the release's CSV and JSON files into typed Parquet tables, boxes in 16 partitions."""

import json
from typing import TYPE_CHECKING, Any, ClassVar, Self

from oi_tasks.core.hierarchy import read_edges
from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Output
from oi_tasks.io.store import RAW, photo_key
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl

    from oi_tasks.io.tables import Rows

COUNTED = ("ImageID", "LabelName", "IsGroupOf", "IsOccluded", "IsTruncated", "IsDepiction")


class Tables(Job):
    """Turn the release's CSV and JSON files into typed Parquet tables, boxes in 16 partitions.

    Publishes `boxes/{0..f}.parquet` by the first digit of ImageID, `image_labels.parquet` (verified by people),
    `machine_labels.parquet` (a machine's guesses, with fractions as confidence), `photo_list.parquet`, `edges.parquet`,
    `descriptions.parquet`, `counts.parquet` and `unreadable.parquet`. Lines in are rows out plus unreadable ones.
    """

    version: ClassVar[str] = "2"
    release: OutputId

    class Result(JobResult):
        """Rows of each table, and how many lines could not be read."""

        boxes: int
        image_labels: int
        machine_labels: int
        photos_listed: int
        edges: int
        labels: int
        unreadable: int

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """Nothing of the profile matters here."""
        return cls(**inputs)

    def run(self, io: JobIO) -> Result:
        """Read every file once, streaming. Raises BadInput for a file that lacks a column or is not JSON."""
        import polars as pl

        from oi_tasks.io.tables import TABLES, rows_of, write_partitions, write_whole

        release = io.input("fetch", self.release)
        edges = self._edges(io, release)
        edges.write_parquet(io.out / "edges.parquet")
        rows = {table: self._rows(io, release, table) for table in TABLES}
        boxes = write_partitions(rows["boxes"], io.out / "boxes")
        labels = write_partitions(rows["image_labels"], io.scratch / "image_labels")
        pl.scan_parquet(labels).sink_parquet(io.out / "image_labels.parquet")
        write_whole(rows["machine_labels"], io.out / "machine_labels.parquet")
        write_whole(rows["images"], io.scratch / "images.parquet")
        write_whole(rows["descriptions"], io.scratch / "descriptions.parquet")
        renamed = {"OriginalSize": "size", "OriginalMD5": "md5", "Rotation": "rotation"}
        pl.scan_parquet(io.scratch / "images.parquet").rename(renamed).sink_parquet(io.out / "photo_list.parquet")
        descriptions = pl.read_parquet(io.scratch / "descriptions.parquet").unique(maintain_order=True)
        descriptions.write_parquet(io.out / "descriptions.parquet")
        unreadable = pl.concat([found.unreadable for found in rows.values()])
        unreadable.write_parquet(io.out / "unreadable.parquet")
        count_labels(boxes, labels).write_parquet(io.out / "counts.parquet")
        for table, found in rows.items():
            apart = found.unreadable.height
            io.log(f"tables: {table}: {found.lines} lines in, {found.lines - apart} rows out, {apart} unreadable")
        return self.Result(
            boxes=sum(map(rows_of, boxes)),
            image_labels=sum(map(rows_of, labels)),
            machine_labels=rows_of(io.out / "machine_labels.parquet"),
            photos_listed=rows_of(io.out / "photo_list.parquet"),
            edges=edges.height,
            labels=rows["descriptions"].lines - rows["descriptions"].unreadable.height,
            unreadable=unreadable.height,
        )

    def _rows(self, io: JobIO, release: Output, table: str) -> "Rows":
        from oi_tasks.io.tables import Rows, open_table

        files = [file for file in release.read_json("release.json")["files"] if file["kind"] == table]
        return Rows(table, [open_table(self._local(io, file), table, _where(file)) for file in files])

    def _local(self, io: JobIO, file: dict[str, Any]) -> Any:
        path = io.scratch / "raw" / file["sha256"]
        if not path.exists():
            io.store.get_file(RAW, photo_key(file["sha256"]), path)
        return path

    def _edges(self, io: JobIO, release: Output) -> "pl.DataFrame":
        import polars as pl

        files = [file for file in release.read_json("release.json")["files"] if file["kind"] == "hierarchy"]
        if len({file["sha256"] for file in files}) > 1:
            raise BadInput(
                "the releases bring different hierarchies", ", ".join(_where(file) for file in files), code="bad_file"
            )
        try:
            edges = list(read_edges(json.loads(self._local(io, files[0]).read_bytes())))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            what = f"the hierarchy cannot be read: {type(error).__name__} {error}"
            raise BadInput(what, where=_where(files[0]), code="bad_file") from None
        schema = {"kind": pl.String, "parent": pl.String, "child": pl.String, "depth": pl.Int32, "occurrence": pl.Int32}
        return pl.DataFrame([vars(edge) for edge in edges], schema=schema)


def count_labels(boxes: "Sequence[Path]", image_labels: "Sequence[Path]") -> "pl.DataFrame":
    """The counts of each label over all partitions. A photo is in one partition, so photos add up too."""
    import polars as pl

    parts = [
        label_counts(pl.read_parquet(box_file, columns=list(COUNTED)), pl.read_parquet(label_file))
        for box_file, label_file in zip(boxes, image_labels, strict=True)
    ]
    return pl.concat(parts).group_by("LabelName").sum().sort("LabelName")


def label_counts(boxes: "pl.DataFrame", image_labels: "pl.DataFrame") -> "pl.DataFrame":
    """Per label: boxes, photos with a box, photos where it is present by box or by verified label, and flags."""
    import polars as pl

    flags = {name.removeprefix("Is").lower(): (pl.col(name) == 1).sum() for name in COUNTED if name.startswith("Is")}
    pair = ("ImageID", "LabelName")
    ids = boxes["ImageID"]
    # A release has its boxes in the order of their photos: then counting where the id changes tells them apart, at a
    # third of the work of comparing ids.
    photo = (ids.rle_id() if ids.is_sorted() else ids.rank("dense")).alias("photo")
    by_box = (
        boxes.with_columns(photo)
        .group_by("LabelName")
        .agg(pl.len().alias("boxes"), photos_with_boxes=pl.col("photo").n_unique(), **flags)
    )
    verified = image_labels.filter(pl.col("Confidence") >= 1).select(pair).unique()
    more = verified.join(boxes.select(pair), on=pair, how="anti") if verified.height else verified
    by_label = more.group_by("LabelName").agg(pl.len().alias("more"))
    counts = by_box.join(by_label, on="LabelName", how="full", coalesce=True).fill_null(0)
    photos = (pl.col("photos_with_boxes") + pl.col("more")).alias("photos")
    return counts.select("LabelName", photos, "boxes", *flags, "photos_with_boxes").sort("LabelName")


def _where(file: dict[str, Any]) -> str:
    return f"{file['source']}/{file['name']}"
