"""The task runner: its list of targets, the choice of Python, and an environment that is up to date."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BAD = "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n"
PYTHON = """#!/bin/sh
case "$2" in
  *version_info*) echo {version} ;;
  *ensurepip*) exit {ensurepip} ;;
  *) echo "$@" >> {log}; exit 1 ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with what `make venv` reads, and a folder of programs."""
    (tmp_path / "locks").mkdir()
    for name in ("Makefile", "pyproject.toml", "locks/uv.txt", "locks/dev.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "programs").mkdir()
    return tmp_path


def program(checkout: Path, name: str, text: str) -> None:
    (checkout / "programs" / name).write_text(text)
    (checkout / "programs" / name).chmod(0o755)


def python(checkout: Path, name: str, version: str, *, with_venv: bool = True) -> None:
    text = PYTHON.format(version=version, ensurepip=0 if with_venv else 1, log=checkout / "asked")
    program(checkout, name, text)


def make(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": f"{checkout / 'programs'}:/usr/bin:/bin", "HOME": os.environ["HOME"]}
    return subprocess.run(
        ["make", "--no-print-directory", *words], cwd=checkout, env=env, capture_output=True, text=True
    )


def test_plain_make_lists_every_target_with_a_line(checkout: Path) -> None:
    said = make(checkout).stdout
    targets = (
        "demo",
        "up",
        "stop",
        "status",
        "test",
        "test-fast",
        "lint",
        "format",
        "docs",
        "bench",
        "lock",
        "clean",
        "venv",
    )
    for target in targets:
        assert f"make {target} " in said


def test_the_first_python_that_runs_and_is_in_range_is_taken(checkout: Path) -> None:
    program(checkout, "python3.13", BAD)
    python(checkout, "python3.12", "3.12", with_venv=False)
    python(checkout, "python3.11", "3.11")
    done = make(checkout, "venv")
    assert "environment: made with python3.11, Python 3.11" in done.stdout
    assert (checkout / "asked").read_text() == "-m venv --clear .venv\n"


@pytest.mark.parametrize(
    ("version", "with_venv", "said"),
    [
        ("3.10", True, "found: mine is 3.10"),
        ("3.14", True, "found: mine is 3.14"),
        ("3.12", False, "mine is 3.12 without venv"),
    ],
)
def test_a_python_that_does_not_serve_is_refused_in_one_line(
    checkout: Path, version: str, with_venv: bool, said: str
) -> None:
    python(checkout, "mine", version, with_venv=with_venv)
    done = make(checkout, "venv", "PYTHON=mine")
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.startswith("environment: Python 3.11 to 3.13 with its venv module is needed; looked for mine")
    assert said in first
    assert second.startswith("make: ***")
    assert not (checkout / ".venv").exists()


def test_a_python_that_does_not_run_is_none(checkout: Path) -> None:
    program(checkout, "mine", BAD)
    assert "found: none that runs" in make(checkout, "venv", "PYTHON=mine nowhere").stderr


def ready(checkout: Path) -> None:
    """An environment that looks as if it had just been made."""
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to("/bin/true")
    read = b"".join((checkout / name).read_bytes() for name in ("locks/uv.txt", "locks/dev.txt", "pyproject.toml"))
    key = hashlib.sha256(read + f"{checkout}\n".encode()).hexdigest()
    (checkout / ".venv" / ".made-from").write_text(key + "\n")


def test_an_environment_of_the_same_locks_is_up_to_date(checkout: Path) -> None:
    ready(checkout)
    assert make(checkout, "venv").stdout == "environment: up to date\n"
    with (checkout / "locks" / "dev.txt").open("a") as lock:
        lock.write("# changed\n")
    assert "up to date" not in make(checkout, "venv", "PYTHON=nowhere").stdout


def test_ports_and_profile_reach_the_command(checkout: Path) -> None:
    ready(checkout)
    oi = checkout / ".venv" / "bin" / "oi"
    oi.write_text('#!/bin/sh\necho "$@" airflow=$OI_AIRFLOW_PORT mlflow=$OI_MLFLOW_PORT.\n')
    oi.chmod(0o755)
    done = make(checkout, "demo", "PROFILE=mine", "AIRFLOW_PORT=8081")
    assert done.stdout.splitlines() == ["environment: up to date", "demo --profile mine airflow=8081 mlflow=."]


def test_stop_and_status_without_an_environment_say_so(checkout: Path) -> None:
    assert make(checkout, "stop").stdout == make(checkout, "status").stdout == "nothing runs\n"


def test_every_package_of_the_locks_has_a_hash_and_no_address() -> None:
    for path in sorted((ROOT / "locks").glob("*.txt")):
        lines = path.read_text().splitlines()
        packages = [number for number, line in enumerate(lines) if line and not line.startswith((" ", "#"))]
        assert packages, path
        assert all("--hash=sha256:" in lines[number + 1] for number in packages), path
        assert "://" not in "\n".join(lines), path
