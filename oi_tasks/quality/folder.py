"""A folder in release form, as the tables that the judgement reads: no server, and nothing is written beside it."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl

from oi_tasks.core.hierarchy import read_edges
from oi_tasks.errors import BadInput
from oi_tasks.io import tables
from oi_tasks.io.photo_check import PHOTO_SCHEMA, check_photo
from oi_tasks.io.release import PhotoFile, sort_out
from oi_tasks.io.sources import FolderSource
from oi_tasks.quality.forms import EDGES
from oi_tasks.quality.inspection import LIST

THREADS = 4


class ReleaseFolder:
    """A release in a folder of this machine. Raises BadInput for a folder that is no release."""

    def __init__(self, folder: Path, splits: Sequence[str]) -> None:
        self.folder, self.splits = folder, tuple(splits)
        self._source = FolderSource(str(folder))
        self.annotation, self.photos = sort_out(self._source.files(), splits)
        kinds = {file.kind for file in self.annotation}
        wanted = ", ".join(self.splits)
        for kind in ("descriptions", "hierarchy"):
            if kind not in kinds:
                raise BadInput(f"the folder has no {kind} file", str(folder), _names(kind), code="no_file")
        if not kinds & {"boxes", "image_labels"}:
            what = f"the folder has neither boxes nor image labels of {wanted}"
            raise BadInput(what, str(folder), _names("boxes"), code="no_file")
        if not self.photos:
            fix = "photos stand in a folder named as the split, such as train/0001eeaf4aed83f9.jpg"
            raise BadInput(f"the folder has no photos of {wanted}", str(folder), fix, code="no_photos")

    def lacks(self) -> list[str]:
        """What the release may lack, and what is not checked for want of it."""
        said = {
            "images": "no list of photos: sizes and MD5 are not checked",
            "image_labels": "no image labels",
            "boxes": "no boxes",
        }
        return [text for kind, text in said.items() if kind not in {file.kind for file in self.annotation}]

    def photo(self, image_id: str) -> bytes | None:
        """The bytes of a photo, if there is one of that id."""
        for split in self.splits:
            try:
                return self._source.read(f"{split}/{image_id}.jpg")
            except OSError:
                continue
        return None

    def write_tables(self, out: Path, progress: Callable[[int], None]) -> dict[str, Path]:
        """Read every file and decode every photo, into the Parquet files that a snapshot has. Returns them by name.

        `progress(1)` is called after each photo. Raises BadInput for a file that lacks a column or is not JSON.
        """
        rows = {kind: self._rows(kind) for kind in ("boxes", "image_labels", "images", "descriptions")}
        tables.write_partitions(rows["boxes"], out / "boxes")
        for kind in ("image_labels", "images", "descriptions"):
            tables.write_whole(rows[kind], out / f"{kind}.parquet")
        (out / "images.parquet").replace(out / LIST)
        self._edges().write_parquet(out / "edges.parquet")
        self._photos(pl.read_parquet(out / LIST), progress).write_parquet(out / "photos.parquet")
        pl.concat([found.unreadable for found in rows.values()]).write_parquet(out / "unreadable.parquet")
        return {path.relative_to(out).as_posix(): path for path in sorted(out.rglob("*.parquet"))}

    def _rows(self, kind: str) -> tables.Rows:
        paths = [self.folder / file.file.name for file in self.annotation if file.kind == kind]
        return tables.Rows(kind, [tables.open_table(path, kind, str(path)) for path in paths])

    def _edges(self) -> pl.DataFrame:
        (file, *more) = (self.folder / file.file.name for file in self.annotation if file.kind == "hierarchy")
        if any(other.read_bytes() != file.read_bytes() for other in more):
            raise BadInput(
                "the folder brings different hierarchies", ", ".join(map(str, (file, *more))), code="bad_file"
            )
        try:
            return edge_table(json.loads(file.read_bytes()))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            what = f"the hierarchy cannot be read: {type(error).__name__} {error}"
            raise BadInput(what, where=str(file), code="bad_file") from None

    def _photos(self, listed: pl.DataFrame, progress: Callable[[int], None]) -> pl.DataFrame:
        expected = {
            image_id: (size, md5)
            for image_id, size, md5 in listed.select("ImageID", "OriginalSize", "OriginalMD5").iter_rows()
        }

        def check(photo: PhotoFile) -> dict[str, Any]:
            row = self._checked(photo, expected)
            progress(1)
            return row

        with ThreadPoolExecutor(THREADS) as pool:
            table = pl.DataFrame(list(pool.map(check, self.photos)), schema=PHOTO_SCHEMA)
        gone = listed.unique("ImageID", keep="first").join(table, on="ImageID", how="anti")
        gone = gone.select("ImageID", split="Subset", source=pl.lit(self._source.name), reason=pl.lit("missing"))
        return pl.concat([table, gone], how="diagonal").sort("ImageID", "split", maintain_order=True)

    def _checked(self, photo: PhotoFile, expected: Mapping[str, tuple[int, str]]) -> dict[str, Any]:
        row = {"ImageID": photo.image_id or photo.name, "split": photo.split, "source": self._source.name}
        if not photo.image_id:
            return row | {"size": photo.size, "reason": "bad_name"}
        try:
            data = self._source.read(f"{photo.split}/{photo.name}")
        except OSError:  # gone since the folder was listed, or not to be read
            return row | {"size": photo.size, "reason": "missing"}
        return row | check_photo(data, *expected.get(photo.image_id, (None, None)))


def edge_table(read: Any) -> pl.DataFrame:
    """A hierarchy file's edges, one row each, in the form EDGES.

    What has no one root is read all the same, to be found: a list of trees, or a node without a label around them. A
    tree of one label is a row without a parent. Raises KeyError, TypeError or AttributeError for what is no hierarchy.
    """
    trees = read if isinstance(read, list) else [read]
    if isinstance(read, dict) and "LabelName" not in read:
        trees = read["Subcategory"]
    rows: list[dict[str, Any]] = []
    for tree in trees:
        edges = [vars(edge) for edge in read_edges(tree)]
        alone = {"kind": "Subcategory", "parent": None, "child": tree["LabelName"], "depth": 0, "occurrence": 0}
        rows += edges or [alone]
    if not all(isinstance(row["child"], str) and isinstance(row["parent"], str | None) for row in rows):
        raise TypeError("a LabelName is no text")
    table = pl.DataFrame(rows, schema=pl.Schema(EDGES))
    if len(trees) > 1:
        table = table.with_columns(occurrence=pl.int_range(pl.len(), dtype=pl.Int32).over("child"))
    return table


def _names(kind: str) -> str:
    named = {
        "descriptions": "it is called class-descriptions-boxable.csv",
        "hierarchy": "it is called bbox_labels_600_hierarchy.json",
        "boxes": "they are called train-annotations-bbox.csv and train-annotations-human-imagelabels-boxable.csv",
    }
    return named[kind]
