"""The ledger: an append-only record of every promotion, refusal and rollback, each entry naming the one before."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from oi_tasks.core.fingerprint import canonical_json, sha256_of
from oi_tasks.errors import OiError
from oi_tasks.io.store import LEDGER, Store

ENTRIES = "entries/"
FIRST = "0" * 64  # what the first entry names as the one before


class Ledger:
    """Entries `entries/00000001.json`, ... in a bucket where nothing is overwritten."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def entries(self) -> Iterator[dict[str, Any]]:
        """All entries in order."""
        for key in self._store.list(LEDGER, ENTRIES):
            yield json.loads(self._store.get_bytes(LEDGER, key))

    def append(self, event: str, subject: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Record an event about a subject, once: an equal event and subject that stands there already is returned.

        Of two writers at once each gets its own number; the conditional write decides.
        """
        while True:
            known = list(self.entries())
            for entry in known:
                if (entry["event"], entry["subject"]) == (event, subject):
                    return entry
            number = len(known) + 1
            entry = {
                "number": number,
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "event": event,
                "subject": subject,
                "facts": dict(facts),
                "before": sha256_of(canonical_json(known[-1])) if known else FIRST,
            }
            if self._store.put_if_absent(LEDGER, f"{ENTRIES}{number:08}.json", canonical_json(entry)):
                return entry

    def verify(self) -> int:
        """Check that no entry is missing or changed. Returns how many there are; raises OiError naming the first."""
        before, count = FIRST, 0
        for place, entry in enumerate(self.entries(), start=1):
            if entry["number"] != place or entry["before"] != before:
                raise OiError(f"the ledger is broken at entry {place}", where=f"{LEDGER}/{ENTRIES}", code="ledger")
            before, count = sha256_of(canonical_json(entry)), place
        return count
