"""Where release files come from: a folder, a web address, a bucket of any S3 server, or a place in the store."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from oi_tasks.errors import BadInput, OiError
from oi_tasks.io.download import Expected, Web, wrong_with
from oi_tasks.io.store import NotFound, Store
from oi_tasks.settings import Settings

LARGEST_READ = 256 << 20  # bytes of a file that is read whole


@dataclass(frozen=True)
class SourceFile:
    """A file of a source: its name relative to the source, its size in bytes, and what changes when it changes."""

    name: str
    size: int
    stamp: str


class Source(ABC):
    """Files by name."""

    address: str

    @abstractmethod
    def files(self) -> Iterator[SourceFile]:
        """All files, in order of their names."""

    @abstractmethod
    def read(self, name: str, at_most: int = LARGEST_READ) -> bytes:
        """The bytes of one file. Raises FileNotFoundError, or BadInput if it has more bytes than that."""

    @abstractmethod
    def facts(self, name: str) -> SourceFile:
        """Size and stamp of one file. Raises FileNotFoundError."""

    @abstractmethod
    def local(self, name: str, path: Path, expected: Expected) -> Path:
        """One file, however large, whole and checked on this machine: at `path`, or where it lies already.

        Raises FileNotFoundError, Unreachable, or OiError for a file that is not what was published.
        """

    @property
    def name(self) -> str:
        """The last part of the address: what the source is called in tables."""
        return self.address.rstrip("/").rsplit("/", 1)[-1]


class FolderSource(Source):
    """A folder on this machine."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(os.path.expandvars(folder)).expanduser()
        self.address = str(self.folder)
        if not self.folder.is_dir():
            fix = "name it in the profile under release.folders"
            raise BadInput(f"there is no release folder {self.folder}", fix=fix, code="no_folder")
        self._root = self.folder.resolve()

    def files(self) -> Iterator[SourceFile]:
        """All files below the folder, in order of their names; hidden ones are left out."""
        for folder, below, names in os.walk(self.folder):
            below[:] = sorted(name for name in below if not name.startswith("."))
            for name in sorted(names):
                path = Path(folder) / name
                if not name.startswith(".") and path.is_file():
                    facts = path.stat()
                    yield SourceFile(path.relative_to(self.folder).as_posix(), facts.st_size, str(facts.st_mtime_ns))

    def read(self, name: str, at_most: int = LARGEST_READ) -> bytes:
        """The bytes of one file of the folder; a name that leads out of it is no file."""
        with self._path(name).open("rb") as file:
            return _not_more(file.read(at_most + 1), at_most, name)

    def facts(self, name: str) -> SourceFile:
        """Size and time of change of one file."""
        facts = self._path(name).stat()
        return SourceFile(name, facts.st_size, str(facts.st_mtime_ns))

    def local(self, name: str, path: Path, expected: Expected) -> Path:
        """The file where it lies."""
        found = self._path(name)
        wrong = wrong_with(found, expected)
        if wrong:
            raise OiError(wrong, str(found), "bring the published file there again", code="wrong_file")
        return found

    def _path(self, name: str) -> Path:
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self._root):
            raise FileNotFoundError(name)
        return path


class StoreSource(Source):
    """Objects under one prefix of the store, or of another S3 server: `store://bucket/prefix`, `s3://bucket/prefix`."""

    def __init__(self, store: Store, address: str) -> None:
        self.address = address.rstrip("/")
        self._store = store
        self._bucket, _, prefix = self.address.partition("://")[2].partition("/")
        self._prefix = f"{prefix}/" if prefix else ""

    def files(self) -> Iterator[SourceFile]:
        """All objects under the prefix."""
        for key, size, etag in self._store.list_facts(self._bucket, self._prefix):
            yield SourceFile(key.removeprefix(self._prefix), size, etag)

    def read(self, name: str, at_most: int = LARGEST_READ) -> bytes:
        """The bytes of one object."""
        try:
            return _not_more(self._store.get_bytes(self._bucket, self._prefix + name), at_most, name)
        except NotFound:
            raise FileNotFoundError(name) from None

    def facts(self, name: str) -> SourceFile:
        """Size and ETag of one object."""
        for key, size, etag in self._store.list_facts(self._bucket, self._prefix + name):
            if key == self._prefix + name:
                return SourceFile(name, size, etag)
        raise FileNotFoundError(name)

    def local(self, name: str, path: Path, expected: Expected) -> Path:
        """The object, fetched to `path`."""
        Web().fetch(self._store.presign(self._bucket, self._prefix + name), path, expected)
        return path


class WebSource(Source):
    """Files under one web address. The web lists nothing: what is there has to be known."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._web = Web()

    def files(self) -> Iterator[SourceFile]:
        """Raise BadInput."""
        fix = "use release.kind: published, and name its files under release.files"
        raise BadInput("a web address cannot be listed", self.address, fix, code="source")

    def read(self, name: str, at_most: int = LARGEST_READ) -> bytes:
        """The bytes of one file."""
        return self._web.read(f"{self.address}/{name}", at_most)

    def facts(self, name: str) -> SourceFile:
        """Size and ETag of one file, as far as the server tells."""
        told = self._web.facts(f"{self.address}/{name}")
        return SourceFile(name, told.size, told.stamp)

    def local(self, name: str, path: Path, expected: Expected) -> Path:
        """The file, fetched to `path`."""
        self._web.fetch(f"{self.address}/{name}", path, expected)
        return path


def _not_more(data: bytes, at_most: int, name: str) -> bytes:
    if len(data) > at_most:
        raise BadInput(f"the file has more than {at_most} bytes", name, code="too_many_bytes")
    return data


def open_source(store: Store, address: str, settings: Settings) -> Source:
    """The source at an address. Raises BadInput when there is none."""
    scheme = address.partition("://")[0] if "://" in address else ""
    if scheme == "store":
        return StoreSource(store, address)
    if scheme == "s3":
        return StoreSource(Store(_elsewhere(settings)), address)
    if scheme in ("http", "https"):
        return WebSource(address)
    if scheme:
        fix = "give a folder, s3://bucket/prefix, or a web address"
        raise BadInput(f"there is no kind of source called {scheme}://", address, fix, code="source")
    return FolderSource(address)


def _elsewhere(settings: Settings) -> Settings:
    """The settings of the S3 server that sources lie on, in place of the store's own."""
    return settings.model_copy(
        update={
            "store_endpoint": settings.source_endpoint,
            "store_access_key": settings.source_access_key,
            "store_secret_key": settings.source_secret_key,
            "store_region": settings.source_region,
        }
    )
