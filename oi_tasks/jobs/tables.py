"""Turn the release's CSV and JSON files into typed Parquet tables, boxes in 16 partitions."""

import json
from typing import TYPE_CHECKING, Any, Self

from oi_tasks.core.hierarchy import read_edges
from oi_tasks.errors import BadInput, OiError
from oi_tasks.io.outputs import Output
from oi_tasks.io.store import RAW, photo_key
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Profile

if TYPE_CHECKING:
    import polars as pl

DIGITS = "0123456789abcdef"


class Tables(Job):
    """Turn the release's CSV and JSON files into typed Parquet tables, boxes in 16 partitions.

    Publishes `boxes/{0..f}.parquet` by the first digit of ImageID, `image_labels.parquet`, `photo_list.parquet`,
    `edges.parquet`, `descriptions.parquet`, `counts.parquet` and `unreadable.parquet`.
    """

    release: OutputId

    class Result(JobResult):
        """Rows of each table, and how many lines could not be read."""

        boxes: int
        image_labels: int
        photos_listed: int
        edges: int
        labels: int
        unreadable: int

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """Nothing of the profile matters here."""
        return cls(**inputs)

    def run(self, io: JobIO) -> Result:
        """Read every file once. Raises BadInput for a file that lacks a column or is not JSON."""
        import polars as pl

        from oi_tasks.io import tables

        release = io.input("fetch", self.release)
        files = release.read_json("release.json")["files"]
        wanted = {
            "boxes": tables.BOXES,
            "image_labels": tables.IMAGE_LABELS,
            "images": tables.IMAGES,
            "descriptions": tables.DESCRIPTIONS,
        }
        rows: dict[str, pl.DataFrame] = {}
        unreadable = [pl.DataFrame(schema=tables.UNREADABLE)]
        for kind, schema in wanted.items():
            read = [
                tables.read_csv(self._local(io, file), kind, _where(file), schema, header=kind != "descriptions")
                for file in files
                if file["kind"] == kind
            ]
            rows[kind] = pl.concat([pl.DataFrame(schema=schema), *(found.rows for found in read)])
            unreadable.extend(found.unreadable for found in read)
            lines = sum(found.lines for found in read)
            io.log(f"tables: {kind}: {lines} lines in, {rows[kind].height} rows out")
        bad = pl.concat(unreadable)
        edges = self._edges(io, release)
        self._write(io, rows, edges, bad)
        return self.Result(
            boxes=rows["boxes"].height,
            image_labels=rows["image_labels"].height,
            photos_listed=rows["images"].height,
            edges=edges.height,
            labels=rows["descriptions"].height,
            unreadable=bad.height,
        )

    def _local(self, io: JobIO, file: dict[str, Any]) -> Any:
        path = io.scratch / "raw" / file["sha256"]
        if not path.exists():
            io.store.get_file(RAW, photo_key(file["sha256"]), path)
        return path

    def _edges(self, io: JobIO, release: Output) -> "pl.DataFrame":
        import polars as pl

        files = [file for file in release.read_json("release.json")["files"] if file["kind"] == "hierarchy"]
        if len({file["sha256"] for file in files}) > 1:
            raise BadInput("the releases bring different hierarchies", ", ".join(_where(file) for file in files))
        try:
            edges = list(read_edges(json.loads(self._local(io, files[0]).read_bytes())))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            what = f"the hierarchy cannot be read: {type(error).__name__} {error}"
            raise BadInput(what, where=_where(files[0])) from None
        schema = {"kind": pl.String, "parent": pl.String, "child": pl.String, "depth": pl.Int32, "occurrence": pl.Int32}
        return pl.DataFrame([vars(edge) for edge in edges], schema=schema)

    def _write(self, io: JobIO, rows: dict[str, "pl.DataFrame"], edges: "pl.DataFrame", bad: "pl.DataFrame") -> None:
        import polars as pl

        (io.out / "boxes").mkdir()
        boxes = rows["boxes"]
        digit = pl.col("ImageID").str.slice(0, 1).str.to_lowercase()
        written = 0
        for place in DIGITS:
            # An id that is no hex number belongs nowhere; it goes to 0, where validation finds it.
            here = digit == place if place != "0" else ~digit.is_in(list(DIGITS[1:]))
            part = boxes.filter(here)
            part.write_parquet(io.out / "boxes" / f"{place}.parquet")
            written += part.height
        if written != boxes.height:
            raise OiError(f"{boxes.height} boxes came in and {written} went out", code="rows_lost")
        rows["image_labels"].write_parquet(io.out / "image_labels.parquet")
        rows["descriptions"].unique(maintain_order=True).write_parquet(io.out / "descriptions.parquet")
        rows["images"].rename({"OriginalSize": "size", "OriginalMD5": "md5"}).write_parquet(
            io.out / "photo_list.parquet"
        )
        edges.write_parquet(io.out / "edges.parquet")
        bad.write_parquet(io.out / "unreadable.parquet")
        label_counts(boxes, rows["image_labels"]).write_parquet(io.out / "counts.parquet")


def label_counts(boxes: "pl.DataFrame", image_labels: "pl.DataFrame") -> "pl.DataFrame":
    """Per label: boxes, photos with a box, photos where it is present by box or by verified label, and flags."""
    import polars as pl

    def flagged(name: str) -> "pl.Expr":
        return (pl.col(name) == 1).sum().alias(name.removeprefix("Is").lower())

    flags = [flagged(name) for name in ("IsGroupOf", "IsOccluded", "IsTruncated", "IsDepiction")]
    by_box = boxes.group_by("LabelName").agg(
        pl.len().alias("boxes"), pl.col("ImageID").n_unique().alias("photos_with_boxes"), *flags
    )
    present = pl.concat(
        [
            boxes.select("ImageID", "LabelName"),
            image_labels.filter(pl.col("Confidence") >= 1).select("ImageID", "LabelName"),
        ]
    )
    by_photo = present.unique().group_by("LabelName").agg(pl.len().alias("photos"))
    return by_photo.join(by_box, on="LabelName", how="left").fill_null(0).sort("LabelName")


def _where(file: dict[str, Any]) -> str:
    return f"{file['source']}/{file['name']}"
