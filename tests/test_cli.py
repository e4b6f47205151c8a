"""The command: what a user reads when something is wrong, and the exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from PIL import Image

from oi_tasks.jobs import JOBS
from oi_tasks.settings import Settings

OI = str(Path(sys.executable).with_name("oi"))


def oi(
    *words: str, settings: Settings | None = None, stdout: int | IO[str] = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OI_")}
    clean |= {"OI_ENV_FILE": "none", "NO_COLOR": "1", "COLUMNS": "120"}
    if settings is not None:
        clean |= {
            "OI_STORE_ENDPOINT": settings.store_endpoint,
            "OI_STORE_ACCESS_KEY": settings.store_access_key,
            "OI_STORE_SECRET_KEY": settings.store_secret_key.get_secret_value(),
            "OI_CACHE": str(settings.cache),
        }
    return subprocess.run(
        [OI, *words], env=clean | environment, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60
    )


def test_help_names_every_step() -> None:
    said = oi("--help").stdout
    assert all(name in said for name in JOBS)


def test_the_schema_of_a_step() -> None:
    schema = json.loads(oi("collapse", "--schema").stdout)
    assert schema["properties"]["max_classes"]["default"] == 76


def one_line(done: subprocess.CompletedProcess[str], status: int, *said: str) -> None:
    assert done.returncode == status, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    for words in said:
        assert words in done.stderr


def test_bad_input_is_one_line_and_status_2(tmp_path: Path, minio_settings: Settings) -> None:
    one_line(oi("fetch", "--profile", "nope"), 2, "there is no profile 'nope'", "demo")
    one_line(oi("fetch", "--set", "relase=x"), 2, "the job fetch has no field relase", "release")
    one_line(oi("tables", "--set", "release=x"), 2, "tables: release cannot be")
    one_line(oi("fetch", "--set", "nonsense"), 2, "is not field=value")
    folder = f"release={{folders: [{tmp_path}/none]}}"
    one_line(oi("fetch", "--set", folder, settings=minio_settings), 2, f"no release folder {tmp_path}/none")
    (tmp_path / "empty").mkdir()
    folder = f"release={{folders: [{tmp_path}/empty]}}"
    one_line(oi("fetch", "--set", folder, settings=minio_settings), 2, "no photos of train", "train/")
    one_line(oi("tables", "--set", f"release={'0' * 20}", settings=minio_settings), 2, "no output", "of fetch")


def test_servers_that_do_not_answer_are_status_4(minio_settings: Settings) -> None:
    dead = {"OI_STORE_ENDPOINT": "http://127.0.0.1:9"}
    one_line(oi("tables", "--set", f"release={'0' * 20}", **dead), 4, "the store does not answer", "127.0.0.1:9")
    wrong = {"OI_STORE_SECRET_KEY": "wrong"}
    done = oi("tables", "--set", f"release={'0' * 20}", settings=minio_settings, **wrong)
    one_line(done, 4, "the store refuses the key")


def test_a_setting_that_cannot_be_used_is_named() -> None:
    one_line(oi("fetch", "--profile", "demo", OI_EXECUTION="cloud"), 2, "OI_EXECUTION")


@pytest.mark.parametrize("words", [["nosuch"], ["fetch", "--nosuch"]])
def test_a_command_that_is_none(words: list[str]) -> None:
    done = oi(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "nosuch" in done.stderr


def test_a_full_disk_is_one_line_whatever_writes(tmp_path: Path) -> None:
    for words in (["version"], ["profiles", "demo"], ["fetch", "--schema"]):
        with Path("/dev/full").open("w") as full:
            done = oi(*words, stdout=full)
        one_line(done, 1, "oi: the disk is full", "[disk_full]")


def test_letters_that_the_terminal_has_not_are_escaped(tmp_path: Path) -> None:
    name = "caf\u00e9"
    for folder in (name, "plain"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        Image.new("RGB", (40, 40), "red" if folder == name else "blue").save(tmp_path / "in" / folder / "a.jpg")
    (tmp_path / "in" / "plain" / os.fsdecode(b"\xe9.jpg")).write_bytes(b"none")
    words = ("own-photos", str(tmp_path / "in"))
    done = oi(*words, str(tmp_path / "a"))
    assert done.returncode == 0, done.stderr
    assert r"left out: plain/\udce9.jpg: not an image" in done.stdout
    assert name in done.stdout
    done = oi(*words, str(tmp_path / "b"), LC_ALL="C", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert r"caf\xe9 1, plain 1" in done.stdout
    one_line(oi("own-photos", "bro\nken", "x"), 2, r"bro ken")


def test_a_path_that_is_too_long_is_one_line() -> None:
    one_line(oi("evaluate", "x" * 300), 2, "File name too long")
