"""The release's CSV files as tables: forms, bad lines, partitions; against Python's own csv reader."""

import csv
import random
from pathlib import Path

import polars as pl
import pytest

from oi_tasks.errors import BadInput, OiError
from oi_tasks.io import csv_rows
from oi_tasks.io.disk import told_when_full
from oi_tasks.io.tables import BOXES, FLAGS, Rows, open_table, rows_of, write_partitions, write_whole
from tests.little_room import files_of_at_most

HEADER = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
ROW = "0000dd8e0cb25756,xclick,/m/0ch_cf,1,0.1,0.9,0.2,0.8,-1,-1,0,1,0"
READ = ("0000dd8e0cb25756", "xclick", "/m/0ch_cf", 1.0, 0.1, 0.9, 0.2, 0.8, -1, -1, 0, 1, 0)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "file.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(path: Path, table: str = "boxes") -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Rows, unreadable lines, and the number of lines that came in."""
    rows = Rows(table, [open_table(path, table, "here")])
    frames = list(rows.frames())
    found = pl.concat([pl.DataFrame(schema=rows.schema), *frames])
    rows.check(found.height)
    return found, rows.unreadable, rows.lines


def test_columns_in_another_order_and_extra_ones(tmp_path: Path) -> None:
    names, values = HEADER.split(","), ROW.split(",")
    turned = ",".join(["Extra", *reversed(names)]) + "\n" + ",".join(["7", *reversed(values)]) + "\n"
    rows, _, _ = read(written(tmp_path, turned))
    assert rows.columns == list(BOXES)
    assert rows.row(0) == READ


def test_missing_columns_are_named_with_the_file_and_what_is_there(tmp_path: Path) -> None:
    header = HEADER.replace("XMax", "Xmax").replace(",IsInside", "")
    with pytest.raises(
        BadInput, match=r"the boxes file lacks the column XMax, IsInside \(here, which has ImageID,.*Xm"
    ):
        read(written(tmp_path, header))
    with pytest.raises(BadInput, match="lacks the column Confidence"):
        read(written(tmp_path, "ImageID,Source,LabelName\n"), "image_labels")


def test_files_that_are_no_table(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="empty"):
        read(written(tmp_path, ""))
    with pytest.raises(BadInput, match="names a column twice"):
        read(written(tmp_path, HEADER + ",XMin\n"))


def test_a_file_without_lines_is_refused_before_it_fills_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_rows, "BLOCK", 1000)
    monkeypatch.setattr(csv_rows, "LONGEST", 4000)
    with pytest.raises(BadInput, match="without the end of a line"):
        read(written(tmp_path, HEADER + "\n" + "0" * 9000))
    with pytest.raises(BadInput, match="without the end of a line"):
        write_whole(Rows("boxes", [open_table(tmp_path / "file.csv", "boxes", "here")]), tmp_path / "boxes.parquet")


@pytest.mark.parametrize(
    ("header", "row", "filled"),
    [
        (HEADER, ROW, {}),
        # V6 and V7: the four clicks of the annotators
        (HEADER + ",XClick1X,XClick1Y", ROW + ",0.5,0.25", {}),
        # V2: no flags
        (HEADER.split(",IsOccluded")[0], ROW.rsplit(",", 5)[0], dict.fromkeys(FLAGS, -1)),
        (
            "ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf",  # the challenges
            "0000dd8e0cb25756,/m/0ch_cf,0.1,0.9,0.2,0.8,0",
            {**dict.fromkeys(FLAGS, -1), "Source": "unknown", "IsGroupOf": 0},
        ),
    ],
)
def test_the_forms_of_a_box_file(tmp_path: Path, header: str, row: str, filled: dict) -> None:
    rows, _, _ = read(written(tmp_path, f"{header}\n{row}\n"))
    assert rows.row(0, named=True) == dict(zip(BOXES, READ, strict=True)) | filled


def test_labels_of_people_and_of_machines(tmp_path: Path) -> None:
    text = "ImageID,Source,LabelName,Confidence\n0000dd8e0cb25756,machine,/m/0ch_cf,0.7\n"
    assert read(written(tmp_path, text), "machine_labels")[0]["Confidence"].to_list() == [0.7]
    text = "ImageID,LabelName,Confidence\n0000dd8e0cb25756,/m/0ch_cf,0\n"
    assert read(written(tmp_path, text), "image_labels")[0].row(0) == ("0000dd8e0cb25756", "unknown", "/m/0ch_cf", 0.0)


def test_the_list_of_photos_with_rotation_and_without(tmp_path: Path) -> None:
    header = "ImageID,Subset,Title,OriginalSize,OriginalMD5"
    row = '0000dd8e0cb25756,train,"Cats, and ""dogs""",80405,zu98NTIgzMf3BoXBtcRZ+A=='
    plain = ("0000dd8e0cb25756", "train", 80405, "zu98NTIgzMf3BoXBtcRZ+A==")
    assert read(written(tmp_path, f"{header}\n{row}\n"), "images")[0].row(0) == (*plain, None)
    text = f"{header},Rotation\n{row},90.0\n{row},\n"
    assert read(written(tmp_path, text), "images")[0].rows() == [(*plain, 90.0), (*plain, None)]


def test_descriptions_with_a_header_and_without(tmp_path: Path) -> None:
    rows = [("/m/1", "Cat"), ("/m/2", "Dog, big")]
    for header in ("", "\ufeff", "LabelName,DisplayName\n", "id,name\n"):
        text = header + '/m/1,Cat\n/m/2,"Dog, big"\n'
        assert read(written(tmp_path, text), "descriptions")[0].rows() == rows


def test_bad_lines_are_set_apart_with_line_and_reason(tmp_path: Path) -> None:
    bad = {
        ROW.replace("0.9", "wide"): "XMax is no number: 'wide'",
        ROW + ",1": "14 values where 13 columns are named",
        ROW.rsplit(",", 1)[0]: "12 values where 13 columns are named",
        ROW.replace("0.2", ""): "YMin is empty",
        ROW.replace("-1,-1", "300,-1"): "IsOccluded is out of range: '300'",
        ROW.replace("-1,-1", "0.5,-1"): "IsOccluded is no number: '0.5'",
        ROW.replace("0.9", "1_0"): "XMax is no number: '1_0'",
        "": "0 values where 13 columns are named",
        '"' + ROW: "it is not CSV: unexpected end of data",
    }
    rows, unreadable, lines = read(written(tmp_path, "\n".join([HEADER, ROW, *bad, ROW])))
    assert rows.rows() == [READ, READ]
    assert lines == 2 + len(bad)
    assert unreadable["reason"].to_list() == list(bad.values())
    assert unreadable["line"].to_list() == list(range(3, 3 + len(bad)))
    assert unreadable["text"].to_list() == list(bad)


def test_what_is_no_utf8_is_set_apart(tmp_path: Path) -> None:
    spoiled = ROW.encode().replace(b"xclick", b"x\xff")
    rows, unreadable, _ = read(written(tmp_path, b"\n".join([HEADER.encode(), spoiled, ROW.encode()])))
    assert rows.height == 1
    assert unreadable["reason"].to_list() == ["it is not UTF-8"]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_many_blocks_with_bad_lines_among_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    """Every line is either in a row or named with its number, wherever the blocks are cut."""
    monkeypatch.setattr(csv_rows, "BLOCK", 20_000)
    rng = random.Random(1)
    lines = [ROW.replace("0000", f"{rng.randrange(16**4):04x}") for _ in range(5000)]
    bad = sorted(rng.sample(range(5000), 40))
    for place in bad:
        lines[place] = lines[place].replace("0.9", rng.choice(["x", "", "0.9,0.9"]))
    path = written(tmp_path, ending.join([HEADER, *lines, ""]))
    rows, unreadable, count = read(path)
    assert count == 5000
    assert unreadable["line"].to_list() == [place + 2 for place in bad]
    assert rows["ImageID"].to_list() == [line[:16] for place, line in enumerate(lines) if place not in set(bad)]


def test_partitions_hold_every_row_in_order_and_equal_files_give_equal_bytes(tmp_path: Path) -> None:
    ids = ["f000000000000001", "0000dd8e0cb25756", "F000000000000002", "../x", "f000000000000000", "zzz"]
    path = written(tmp_path, "\n".join([HEADER, *(ROW.replace("0000dd8e0cb25756", one) for one in ids)]))
    parts = write_partitions(Rows("boxes", [open_table(path, "boxes", "here")]), tmp_path / "a")
    assert [part.name for part in parts] == [f"{digit}.parquet" for digit in "0123456789abcdef"]
    assert sorted((tmp_path / "a").iterdir()) == sorted(parts)
    held = {part.stem: pl.read_parquet(part)["ImageID"].to_list() for part in parts if rows_of(part)}
    assert held == {
        "0": ["0000dd8e0cb25756", "../x", "zzz"],
        "f": ["f000000000000001", "F000000000000002", "f000000000000000"],
    }
    again = write_partitions(Rows("boxes", [open_table(path, "boxes", "here")]), tmp_path / "b")
    assert [part.read_bytes() for part in parts] == [part.read_bytes() for part in again]


def test_a_full_disk_while_parquet_is_written_is_told(tmp_path: Path) -> None:
    rng = random.Random(2)
    rows = [ROW.replace("0000dd8e0cb25756", f"{rng.getrandbits(64):016x}") for _ in range(5000)]
    path = written(tmp_path, "\n".join([HEADER, *rows]))
    with files_of_at_most(1000), pytest.raises(OiError, match="the disk is full"), told_when_full():
        write_partitions(Rows("boxes", [open_table(path, "boxes", "here")]), tmp_path / "boxes")


def test_no_file_at_all_is_an_empty_table(tmp_path: Path) -> None:
    write_whole(Rows("machine_labels", []), tmp_path / "none.parquet")
    assert rows_of(tmp_path / "none.parquet") == 0
    assert all(rows_of(part) == 0 for part in write_partitions(Rows("boxes", []), tmp_path / "boxes"))


def test_the_real_files(real_photos: Path) -> None:
    path = real_photos / "train-annotations-bbox.csv"
    rows, unreadable, _ = read(path)
    with path.open() as file:
        plain = list(csv.DictReader(file))
    assert unreadable.height == 0
    assert rows["ImageID"].to_list() == [row["ImageID"] for row in plain]
    assert rows["XMin"].to_list() == [float(row["XMin"]) for row in plain]
    assert read(real_photos / "class-descriptions-boxable.csv", "descriptions")[0].height == 601
