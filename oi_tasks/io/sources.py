"""Where release files come from: a folder, or a place in the store."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from oi_tasks.errors import BadInput
from oi_tasks.io.store import NotFound, Store


@dataclass(frozen=True)
class SourceFile:
    """A file of a source: its name relative to the source, its size in bytes, and what changes when it changes."""

    name: str
    size: int
    stamp: str


class Source(ABC):
    """Files by name, read whole."""

    address: str

    @abstractmethod
    def files(self) -> Iterator[SourceFile]:
        """All files, in order of their names."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises FileNotFoundError."""

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

    def files(self) -> Iterator[SourceFile]:
        """All files below the folder, in order of their names; hidden ones are left out."""
        for folder, below, names in os.walk(self.folder):
            below[:] = sorted(name for name in below if not name.startswith("."))
            for name in sorted(names):
                path = Path(folder) / name
                if not name.startswith(".") and path.is_file():
                    facts = path.stat()
                    yield SourceFile(path.relative_to(self.folder).as_posix(), facts.st_size, str(facts.st_mtime_ns))

    def read(self, name: str) -> bytes:
        """The bytes of one file of the folder; a name that leads out of it is no file."""
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise FileNotFoundError(name)
        return path.read_bytes()


class StoreSource(Source):
    """Objects of the store under one prefix; its address is `store://bucket/prefix`."""

    def __init__(self, store: Store, address: str) -> None:
        self.address = address
        self._store = store
        self._bucket, _, self._prefix = address.removeprefix("store://").partition("/")

    def files(self) -> Iterator[SourceFile]:
        """All objects under the prefix."""
        for key, size, etag in self._store.list_facts(self._bucket, self._prefix + "/"):
            yield SourceFile(key.removeprefix(self._prefix + "/"), size, etag)

    def read(self, name: str) -> bytes:
        """The bytes of one object."""
        try:
            return self._store.get_bytes(self._bucket, f"{self._prefix}/{name}")
        except NotFound:
            raise FileNotFoundError(name) from None


def open_source(store: Store, address: str) -> Source:
    """The source at an address. Raises BadInput when there is none."""
    return StoreSource(store, address) if address.startswith("store://") else FolderSource(address)
