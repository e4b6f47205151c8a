"""Shards as local files: fetched when first needed, checked against their sha256, the least used removed."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from oi_tasks.core.fingerprint import sha256_of_file
from oi_tasks.io.outputs import Output

FETCHES = 4  # shards fetched side by side
ENDING = ".tar"  # of a shard's local copy

_POOL = ThreadPoolExecutor(FETCHES, thread_name_prefix="shards")


class ShardCache:
    """The shards of a dataset in the local cache, `limit` bytes at most but for the one in use. Safe between threads.

    What an earlier process left in the cache is used again, once its sha256 is found right. What nobody asks for here,
    such as shards of the dataset before, counts as well, and goes first. `limit`: None takes the dataset's.
    """

    def __init__(self, dataset: Output, limit: int | None = None) -> None:
        self.dataset, self.limit = dataset, dataset.cache_limit if limit is None else limit
        self._held: OrderedDict[str, Path] = OrderedDict()  # the least recently used first
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    @cached_property
    def _left(self) -> dict[Path, int]:
        """Bytes of the shards that were there before, by path, the oldest first; without those held by now."""
        found = []
        for path in self.dataset.cache.glob(f"*/*{ENDING}"):
            with suppress(FileNotFoundError):  # another process removed it
                facts = path.stat()
                found.append((facts.st_mtime, path, facts.st_size))
        return {path: size for _, path, size in sorted(found)}

    @property
    def held(self) -> int:
        """Bytes of the shards that are held."""
        with self._lock:
            return self._bytes()

    def open(self, name: str) -> BinaryIO:
        """A shard, open to read; it stays readable when it is removed meanwhile. Raises OiError when it is damaged."""
        while True:
            try:
                return self._path(name).open("rb")
            except FileNotFoundError:  # another process removed it
                with self._lock:
                    self._held.pop(name, None)

    def fetch_ahead(self, names: Iterable[str]) -> None:
        """Begin to fetch shards that will be needed; what goes wrong is told to who opens them."""
        for name in names:
            with self._lock:
                if name in self._held or name in self._locks:
                    continue
            _POOL.submit(self._path, name)

    def _path(self, name: str) -> Path:
        with self._lock:
            if name in self._held:
                self._held.move_to_end(name)
                return self._held[name]
            own = self._locks.setdefault(name, threading.Lock())
        with own:
            with self._lock:
                if name in self._held:
                    return self._held[name]
            path = self._fetch(name)
            with self._lock:
                self._left.pop(path, None)
                self._held[name] = path
                self._locks.pop(name, None)
                self._remove_least_used()
            return path

    def _fetch(self, name: str) -> Path:
        path = self.dataset.local(name)
        if sha256_of_file(path) != self.dataset.manifest.objects[name].sha256:
            path.unlink(missing_ok=True)  # damaged on this disk
            path = self.dataset.local(name)
        return path

    def _remove_least_used(self) -> None:
        over = self._bytes() + sum(self._left.values()) - self.limit
        while self._left and over > 0:
            path = next(iter(self._left))
            over -= self._left.pop(path)
            path.unlink(missing_ok=True)
        while len(self._held) > 1 and self._bytes() > self.limit:
            _, path = self._held.popitem(last=False)
            path.unlink(missing_ok=True)

    def _bytes(self) -> int:
        return sum(self.dataset.manifest.objects[name].size for name in self._held)
