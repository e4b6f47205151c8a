"""Which snapshots the data gate let through, in order: what the next one is compared with."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from oi_tasks.io.store import DATA, Store


class AcceptedSnapshots:
    """The accepted snapshots of one line, such as a profile's, oldest first, in the data bucket."""

    def __init__(self, store: Store, line: str) -> None:
        self._store, self._prefix = store, f"accepted/{line}/"

    def all(self) -> list[dict[str, Any]]:
        """What was kept of each, oldest first: `snapshot`, and what it was added with."""
        return [self._store.get_json(DATA, key) for key in sorted(self._store.list(DATA, self._prefix))]

    def before(self, snapshot: str) -> list[dict[str, Any]]:
        """Those accepted before a snapshot was, so that it is judged again as it was; all, if it never was accepted."""
        found = self.all()
        places = [place for place, one in enumerate(found) if one["snapshot"] == snapshot]
        return found[: places[0]] if places else found

    def holds(self, snapshot: str) -> bool:
        """Whether the snapshot is one of them."""
        return any(one["snapshot"] == snapshot for one in self.all())

    def add(self, snapshot: str, kept: Mapping[str, Any]) -> None:
        """Take in a snapshot, unless it is there."""
        if not self.holds(snapshot):
            now = datetime.now(UTC)
            key = f"{self._prefix}{now:%Y%m%dT%H%M%S.%f}-{snapshot}.json"
            self._store.put_json(DATA, key, {"snapshot": snapshot, "at": now.isoformat(timespec="seconds"), **kept})
