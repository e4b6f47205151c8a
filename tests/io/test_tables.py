"""Reading the release's CSV files."""

from pathlib import Path

import polars as pl
import pytest

from oi_tasks.errors import BadInput
from oi_tasks.io.tables import BOXES, DESCRIPTIONS, IMAGE_LABELS, read_csv

HEADER = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
ROW = "0000dd8e0cb25756,xclick,/m/0ch_cf,1,0.1,0.9,0.2,0.8,-1,-1,0,1,0"


def written(folder: Path, text: str) -> Path:
    path = folder / "file.csv"
    path.write_text(text)
    return path


def test_columns_in_another_order_and_extra_ones(tmp_path: Path) -> None:
    names, values = HEADER.split(","), ROW.split(",")
    turned = ",".join(["Extra", *reversed(names)]) + "\n" + ",".join(["7", *reversed(values)]) + "\n"
    read = read_csv(written(tmp_path, turned), "boxes", "here", BOXES)
    assert read.rows.columns == list(BOXES)
    assert read.rows.row(0) == ("0000dd8e0cb25756", "xclick", "/m/0ch_cf", 1.0, 0.1, 0.9, 0.2, 0.8, -1, -1, 0, 1, 0)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="lacks the column XMax, IsInside"):
        read_csv(written(tmp_path, HEADER.replace("XMax", "Xmax").replace(",IsInside", "")), "boxes", "here", BOXES)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="empty"):
        read_csv(written(tmp_path, ""), "boxes", "here", BOXES)


def test_bad_lines_are_set_apart_with_line_and_reason(tmp_path: Path) -> None:
    lines = [HEADER, ROW, ROW.replace("0.9", "wide"), ROW + ",1", ROW.rsplit(",", 1)[0], ROW.replace("0.2", ""), ROW]
    read = read_csv(written(tmp_path, "\n".join(lines) + "\n"), "boxes", "here", BOXES)
    assert read.rows.height == 2
    assert read.lines == 6
    assert read.unreadable.select("line", "reason").rows() == [
        (3, "XMax is no number: 'wide'"),
        (4, "14 values where 13 columns are named"),
        (5, "12 values where 13 columns are named"),
        (6, "YMin is empty"),
    ]


def test_a_file_without_a_header(tmp_path: Path) -> None:
    read = read_csv(
        written(tmp_path, '/m/1,Cat\n/m/2,"Dog, big"\n'), "descriptions", "here", DESCRIPTIONS, header=False
    )
    assert read.rows.rows() == [("/m/1", "Cat"), ("/m/2", "Dog, big")]


def test_the_real_files(real_photos: Path) -> None:
    path = real_photos / "train-annotations-bbox.csv"
    read = read_csv(path, "boxes", "real", BOXES)
    assert (read.rows.height, read.unreadable.height) == (1643, 0)
    other = pl.read_csv(path)
    assert read.rows["XMin"].sum() == pytest.approx(other["XMin"].sum())
    labels = read_csv(
        real_photos / "train-annotations-human-imagelabels-boxable.csv", "image_labels", "real", IMAGE_LABELS
    )
    assert labels.rows.height == 4492
