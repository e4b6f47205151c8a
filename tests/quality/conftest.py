"""A small release without a fault, as the tables that validation reads, to plant one defect at a time into."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from oi_tasks.core.hierarchy import Edge
from oi_tasks.io.tables import UNREADABLE
from oi_tasks.quality import forms
from oi_tasks.quality.engine import Engine
from oi_tasks.quality.inspection import SnapshotInspection
from oi_tasks.quality.suites import expectations_folder, load_suites
from oi_tasks.quality.summary import summarise

Frames = dict[str, pl.DataFrame]
Judge = Callable[..., dict[str, Any]]

ROOT, ANIMAL, CAT, DOG = "/m/root", "/m/animal", "/m/cat", "/m/dog"
PHOTOS = [f"{place:x}" + f"{place:015x}" for place in range(16)]


def frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=pl.Schema(forms.FORMS[table]))


def edges(*pairs: tuple[str, str, str]) -> pl.DataFrame:
    """Edges as kind, parent, child; the depth does not matter to validation."""
    seen: dict[str, int] = {}
    rows = []
    for kind, parent, child in pairs:
        rows.append(vars(Edge(kind, parent, child, 1, seen.get(child, 0))))
        seen[child] = seen.get(child, 0) + 1
    return frame("edges", rows)


TREE = (("Subcategory", ROOT, ANIMAL), ("Subcategory", ANIMAL, CAT), ("Subcategory", ANIMAL, DOG))


def clean_release() -> Frames:
    """16 photos, each with a box of a cat, and verified to show it and to show no dog."""
    photos = [
        {
            "ImageID": image_id,
            "split": "train",
            "source": "here",
            "sha256": f"{place:064x}",
            "size": 1000,
            "width": 256,
            "height": 192,
            "aspect": 0.415,
            "bin": "1x1",
            "mode": "RGB",
        }
        for place, image_id in enumerate(PHOTOS)
    ]
    boxes = [
        {"ImageID": image_id, "Source": "xclick", "LabelName": CAT, "Confidence": 1.0}
        | {"XMin": 0.1, "XMax": 0.4, "YMin": 0.2, "YMax": 0.9}
        | {"IsOccluded": 0, "IsTruncated": 1, "IsGroupOf": -1, "IsDepiction": 0, "IsInside": 0}
        for image_id in PHOTOS
    ]
    labels = [
        {"ImageID": image_id, "Source": "verification", "LabelName": label, "Confidence": confidence}
        for image_id in PHOTOS
        for label, confidence in ((CAT, 1.0), (DOG, 0.0))
    ]
    names = {ROOT: "Entity", ANIMAL: "Animal", CAT: "Cat", DOG: "Dog"}
    return {
        "photos": frame("photos", photos),
        "boxes": frame("boxes", boxes),
        "image_labels": frame("image_labels", labels),
        "descriptions": frame("descriptions", [{"LabelName": mid, "DisplayName": name} for mid, name in names.items()]),
        "edges": edges(*TREE),
        "unreadable": pl.DataFrame(schema=UNREADABLE),
    }


def change(table: pl.DataFrame, row: int, **values: Any) -> pl.DataFrame:
    """The table with other values in one row."""
    here = pl.int_range(pl.len()) == row
    return table.with_columns(
        pl.when(here).then(pl.lit(value, dtype=table.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def add(table: pl.DataFrame, **values: Any) -> pl.DataFrame:
    """The table with its first row once more, with other values."""
    return pl.concat([table, change(table.head(1), 0, **values)])


@pytest.fixture
def frames() -> Frames:
    return clean_release()


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """Judge frames; what is written stands below `tmp_path/out`."""

    def run(frames: Frames, mostly: float = 0.999, max_quarantined: float = 0.001, folder: Path | None = None) -> Any:
        files = written(frames, tmp_path / "in")
        parameters = {"mostly": mostly, "max_quarantined": max_quarantined}
        (tmp_path / "out").mkdir()
        inspection = SnapshotInspection(
            files, load_suites(folder or expectations_folder()), Engine(parameters), tmp_path / "out", tmp_path, print
        )
        return summarise("0" * 20, parameters, inspection.run())

    return run


def written(frames: Frames, folder: Path) -> dict[str, Path]:
    """The tables as the steps before leave them, boxes in 16 partitions."""
    (folder / "boxes").mkdir(parents=True)
    for name, table in frames.items():
        if name != "boxes":
            table.write_parquet(folder / f"{name}.parquet")
    for digit in "0123456789abcdef":
        here = (
            pl.col("ImageID").str.starts_with(digit) if "ImageID" in frames["boxes"].columns else pl.lit(digit == "0")
        )
        frames["boxes"].filter(here).write_parquet(folder / "boxes" / f"{digit}.parquet")
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.parquet")}
