"""Files that a command was asked to write: whole or not at all, and a place that cannot be is told."""

from pathlib import Path

import pytest

from oi_tasks.errors import BadInput, OiError
from oi_tasks.io.whole_file import check_writable, write_whole
from tests.little_room import files_of_at_most


def test_a_text_is_written_as_utf_8_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.csv", "é\n\udce9\n")
    assert (tmp_path / "a.csv").read_bytes() == b"\xc3\xa9\n\\udce9\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_what_stood_there_stays_until_the_new_is_whole(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(OiError, match="the disk is full") as told, files_of_at_most(64):
        write_whole(tmp_path / "a.csv", "new" * 100)
    assert told.value.code == "disk_full"
    assert (tmp_path / "a.csv").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_link_stays_a_link_and_a_device_a_device(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "a.txt")
    write_whole(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "a.txt").read_text() == "x"
    write_whole(Path("/dev/null"), "x")
    assert Path("/dev/null").is_char_device()


def test_a_full_device_is_told(tmp_path: Path) -> None:
    with pytest.raises(OiError, match=r"the disk is full \(/dev/full\)"):
        write_whole(Path("/dev/full"), "x")


def test_what_cannot_be_written_is_told_before(tmp_path: Path) -> None:
    check_writable(tmp_path / "new.csv")
    with pytest.raises(BadInput, match="a folder stands there"):
        check_writable(tmp_path)
    with pytest.raises(BadInput, match="folder does not exist"):
        check_writable(tmp_path / "none" / "new.csv")
    with pytest.raises(BadInput, match="cannot be written"):
        write_whole(tmp_path / "none" / "new.csv", "x")
