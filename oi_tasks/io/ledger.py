"""The ledger: an append-only record of every promotion, refusal and rollback, each entry naming the one before.

Entries stand in a bucket with versions and object lock, under their numbers. An entry is written only where none
stands, so of two writers one is first; what is written over an entry later is a second version, and never read.
"""

import getpass
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from oi_tasks.core.ledger import Entry, broken, last_number, next_entry
from oi_tasks.errors import BadInput, OiError
from oi_tasks.io.store import LEDGER, Store
from oi_tasks.io.version_list import ObjectVersion

ENTRIES = "entries/"
READERS = 16


def who() -> str:
    """Who runs this process: `user@host`."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a pod's user has no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


class Ledger:
    """Entries `entries/00000001.json`, … in the ledger's bucket."""

    def __init__(self, store: Store, folder: str = ENTRIES) -> None:
        self._store, self._folder = store, folder
        self._known: dict[str, bytes] = {}  # what was written first under a key never changes

    def entries(self) -> list[Entry]:
        """All entries in order, each as it was first written. Raises OiError for one that cannot be read."""
        written = {key: versions[0] for key, versions in self._versions().items()}
        missing = [key for key in written if key not in self._known]
        with ThreadPoolExecutor(READERS) as pool:
            for key, data in zip(missing, pool.map(lambda key: self._read(key, written[key]), missing), strict=True):
                self._known[key] = data
        return [self._parse(key) for key in sorted(written)]

    def entry(self, number: int) -> Entry:
        """One entry. Raises BadInput when there is none of that number."""
        found = next((entry for entry in self.entries() if entry.number == number), None)
        if found is None:
            raise BadInput(
                f"the ledger has no entry {number}", fix="`oi ledger list` shows those there are", code="not_found"
            )
        return found

    def append(
        self, event: str, subject: str, facts: Mapping[str, Any], *, by: str = "", why: str = "", once: bool = False
    ) -> Entry:
        """Record an event. With `once`, an equal event and subject that stands there already is returned instead."""

        def decide(entries: list[Entry]) -> Entry:
            known = [entry for entry in entries if (entry.event, entry.subject) == (event, subject)]
            if once and known:
                return known[0]
            return self.following(entries, event, subject, facts, by=by, why=why)

        return self.transact(decide)

    def following(
        self, entries: list[Entry], event: str, subject: str, facts: Mapping[str, Any], *, by: str = "", why: str = ""
    ) -> Entry:
        """The entry that would come next, stamped with the time."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return next_entry(entries, at, event, subject, facts=dict(facts), by=by or who(), why=why)

    def transact(self, decide: Callable[[list[Entry]], Entry]) -> Entry:
        """Compare and set: write the entry that `decide` makes of all entries, unless another came in between.

        Then `decide` is asked again, with that one. It may raise, or return an entry that stands there already.
        """
        while True:
            entries = self.entries()
            entry = decide(entries)
            if entry.number <= last_number(entries):
                return entry
            if self._store.put_if_absent(LEDGER, self._key(entry.number), entry.to_bytes()):
                return entry

    def verify(self) -> int:
        """Check that no entry is missing or changed. Returns how many there are; raises OiError naming the first."""
        if not self._store.keeps_versions(LEDGER):
            what = "the ledger's bucket keeps no versions: what was written over would not be seen"
            raise self._fault(what, "make it with versioning and object lock")
        for place, (key, versions) in enumerate(sorted(self._versions().items()), start=1):
            if key != self._key(place):
                raise self._fault(f"entry {place} is missing")
            if len(versions) > 1:
                how = "removed" if versions[1].deleted else "written over"
                raise self._fault(f"entry {place} was {how} on {versions[1].at:%Y-%m-%d %H:%M} UTC", _KEPT)
        entries = self.entries()
        fault = broken(entries)
        if fault is not None:
            raise self._fault(fault[1])
        return len(entries)

    def _key(self, number: int) -> str:
        return f"{self._folder}{number:08}.json"

    def _versions(self) -> dict[str, list[ObjectVersion]]:
        found: dict[str, list[ObjectVersion]] = {}
        for version in self._store.versions(LEDGER, self._folder):
            found.setdefault(version.key, []).append(version)
        return found

    def _read(self, key: str, version: ObjectVersion) -> bytes:
        return self._store.get_bytes(LEDGER, key, version.id)

    def _parse(self, key: str) -> Entry:
        try:
            return Entry.parse(self._known[key])
        except ValueError:
            raise self._fault(f"{key} holds no entry") from None

    def _fault(self, what: str, fix: str = "") -> OiError:
        return OiError(what, where=f"{LEDGER}/{self._folder}", fix=fix, code="ledger")


_KEPT = "the store keeps what was first written, and `oi ledger show` reads that"
