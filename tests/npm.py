"""Packages of npm: fetched once, checked against the SHA-512 that npm gives, and read without being installed.

npm asks the registry that this machine's npm is configured for. A package is kept beside the other downloads, below the
cache of oi, never in the checkout.
"""

import hashlib
import shutil
import subprocess
import tarfile
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from oi_tasks.settings import Settings


@dataclass(frozen=True)
class Package:
    """One version of a package."""

    name: str
    version: str
    sha512: str  # in base64, as `npm view NAME dist.integrity` gives it

    @property
    def kept(self) -> Path:
        """Where it is kept, under the name that `npm pack` gives it."""
        name = self.name.removeprefix("@").replace("/", "-")
        return Settings().cache / "downloads" / f"{name}-{self.version}.tgz"

    def at_hand(self) -> bool:
        """Whether it can be had on this machine: it was fetched before, or there is an npm to fetch it."""
        return self.kept.is_file() or shutil.which("npm") is not None

    def read(self, path: str) -> bytes:
        """A file of the package. Raises ValueError where what is kept is another package than the one meant."""
        kept = self.kept
        if not kept.is_file():
            self._fetch()
        if b64encode(hashlib.sha512(kept.read_bytes()).digest()).decode() != self.sha512:
            raise ValueError(f"{kept} is not {self.name} {self.version}: remove it")
        with tarfile.open(kept) as package:
            file = package.extractfile(f"package/{path}")
            assert file is not None
            return file.read()

    def _fetch(self) -> None:
        """Have npm fetch it; a registry may fail for a moment."""
        kept = self.kept
        aside = kept.with_suffix(".part")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        command = ["npm", "pack", f"{self.name}@{self.version}", "--silent", "--pack-destination", str(aside)]
        again = Retrying(
            retry=retry_if_exception_type(subprocess.CalledProcessError),
            stop=stop_after_attempt(5), wait=wait_fixed(3), reraise=True,
        )  # fmt: skip
        again(subprocess.run, command, check=True, cwd=aside, timeout=120)
        (aside / kept.name).replace(kept)
        aside.rmdir()
