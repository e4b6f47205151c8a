"""The file of keys: private, whole, made once."""

from pathlib import Path

import pytest

from oi_tasks.errors import BadInput
from oi_tasks.local import keys


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_keys_are_made_once_and_only_the_owner_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "env"
    first, fresh = keys.ensure(path, {"OI_MINIO_PORT": "9000"})
    assert fresh
    assert mode(path) == 0o600
    assert keys.read(path) == first
    again, fresh = keys.ensure(path, {"OI_MINIO_PORT": "9000"})
    assert (again, fresh) == (first, False)
    assert [each.name for each in tmp_path.iterdir()] == ["env"]


def test_every_secret_differs(tmp_path: Path) -> None:
    first, second = keys.new_keys(), keys.new_keys()
    secrets = [name for name in first if first[name] != second[name]]
    assert len(secrets) == len(first) - 5  # all but the five names of users
    assert all(len(first[name]) >= 20 for name in secrets)


def test_a_changed_port_keeps_the_keys_and_lines_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "env"
    before, _ = keys.ensure(path, {"OI_MINIO_PORT": "9000"})
    path.write_text(path.read_text() + "OI_NAMESPACE=mine\n")
    after, fresh = keys.ensure(path, {"OI_MINIO_PORT": "9100"})
    assert not fresh
    assert after == before | {"OI_NAMESPACE": "mine", "OI_MINIO_PORT": "9100"}
    assert mode(path) == 0o600


def test_a_missing_key_is_made_and_a_loose_mode_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "env"
    before, _ = keys.ensure(path, {})
    lines = [line for line in path.read_text().splitlines() if not line.startswith("OI_AIRFLOW_PASSWORD")]
    path.write_text("\n".join(lines) + "\n")
    after, fresh = keys.ensure(path, {})
    assert fresh
    assert after["OI_AIRFLOW_PASSWORD"] != before["OI_AIRFLOW_PASSWORD"]
    assert after["OI_STORE_SECRET_KEY"] == before["OI_STORE_SECRET_KEY"]
    path.chmod(0o644)
    keys.ensure(path, {})
    assert mode(path) == 0o600


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "env"
    before, _ = keys.ensure(path, {})

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keys.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        keys.ensure(path, {"OI_MINIO_PORT": "1"})
    assert keys.read(path) == before
    assert [each.name for each in tmp_path.iterdir()] == ["env"]


def test_a_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "env").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="the keys cannot be read"):
        keys.read(tmp_path / "env")
