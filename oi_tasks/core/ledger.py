"""What the ledger's entries say: whether the chain is whole, who is champion, and what was left half done. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from oi_tasks.core.fingerprint import canonical_json, sha256_of

FIRST = "0" * 64  # what the first entry names as the one before
PROMOTION, ROLLBACK = "promotion", "rollback"
STARTED = {f"{kind} started": kind for kind in (PROMOTION, ROLLBACK)}
DONE = {"promoted": PROMOTION, "rolled back": ROLLBACK}
UNDONE = {f"{kind} undone": kind for kind in (PROMOTION, ROLLBACK)}
MOVED, PASSED, REFUSED, REJECTED = "moved by hand", "passed", "refused", "rejected"
UNANSWERED = "not approved in time"


@dataclass(frozen=True)
class Entry:
    """One entry. `subject` names what it is about; `by` and `why` are who did it and the reason given."""

    number: int
    at: str
    event: str
    subject: str
    facts: dict[str, Any]
    before: str
    by: str = ""
    why: str = ""

    @classmethod
    def parse(cls, data: bytes) -> "Entry":
        """The entry that stored bytes hold. Raises ValueError for bytes that are none."""
        try:
            return cls(**json.loads(data))
        except TypeError as error:
            raise ValueError(str(error)) from None

    def to_bytes(self) -> bytes:
        """As it is stored."""
        return canonical_json(self.plain())

    def plain(self) -> dict[str, Any]:
        """As JSON; an entry without a name or a reason has no such field."""
        return {name: value for name, value in asdict(self).items() if value != "" or name not in ("by", "why")}

    @property
    def version(self) -> int | None:
        """The version of the cascade that it is about."""
        version: int | None = self.facts.get("version")
        return version


def next_entry(entries: Sequence[Entry], at: str, event: str, subject: str, **said: Any) -> Entry:
    """The entry that comes after all others."""
    before = sha256_of(entries[-1].to_bytes()) if entries else FIRST
    return Entry(number=last_number(entries) + 1, at=at, event=event, subject=subject, before=before, **said)


def last_number(entries: Sequence[Entry]) -> int:
    """The number of the newest entry; 0 when there is none."""
    return entries[-1].number if entries else 0


def broken(entries: Iterable[Entry]) -> tuple[int, str] | None:
    """The first place where the chain does not hold, and what is wrong there; None when it is whole."""
    before: Entry | None = None
    for place, entry in enumerate(entries, start=1):
        if entry.number > place:
            return place, f"entry {place} is missing"
        if entry.number < place:
            return place, f"entry {place} calls itself {entry.number}"
        expected = sha256_of(before.to_bytes()) if before else FIRST
        if entry.before != expected:
            return place, f"entry {place} does not follow what stands before it: one of the two was changed"
        before = entry
    return None


@dataclass(frozen=True)
class Reign:
    """A version that was made champion, and the entry that made it so; None where the alias was taken away."""

    version: int | None
    entry: Entry


@dataclass(frozen=True)
class Standing:
    """What the entries say as a whole.

    `open` is a change that was started and neither done nor undone. `refused` are the versions whose last verdict, of
    the gate or of a person, was no, and that no promotion made champion; `rejected` are those turned down by a person,
    `withdrawn` those that a rollback took out of use and no later change brought back, `promoted` all that a promotion
    or rollback ever put into use.
    """

    count: int = 0
    reigns: tuple[Reign, ...] = ()
    open: Entry | None = None
    refused: frozenset[int] = frozenset()
    rejected: frozenset[int] = frozenset()
    withdrawn: frozenset[int] = frozenset()
    promoted: frozenset[int] = frozenset()

    @property
    def champion(self) -> int | None:
        """The version in use."""
        return self.reigns[-1].version if self.reigns else None

    @property
    def previous(self) -> int | None:
        """What a rollback goes back to: the latest promoted champion before this one that may still be used."""
        usable = self.promoted - self.withdrawn - {self.champion}
        past = (reign.version for reign in reversed(self.reigns))
        return next((version for version in past if version in usable), None)


def standing(entries: Iterable[Entry]) -> Standing:
    """Replay the entries."""
    found = Standing()
    for entry in entries:
        found = replace(_after(found, entry), count=entry.number)
    return found


def _after(known: Standing, entry: Entry) -> Standing:
    version = entry.version
    if entry.event in STARTED:
        return replace(known, open=entry)
    if entry.event in UNDONE:
        return replace(known, open=None)
    if entry.event in DONE and version is not None:
        return _changed(known, entry, version)
    if entry.event == MOVED:
        return replace(known, reigns=(*known.reigns, Reign(version, entry)))
    if entry.event == PASSED and version is not None and version not in known.rejected:
        return replace(known, refused=known.refused - {version})
    if entry.event in (REFUSED, REJECTED) and version is not None and version not in known.promoted:
        rejected = known.rejected | ({version} if entry.event == REJECTED else set())
        return replace(known, refused=known.refused | {version}, rejected=rejected)
    return known


def _changed(known: Standing, entry: Entry, version: int) -> Standing:
    left = known.champion
    withdrawn = known.withdrawn - {version}
    if DONE[entry.event] == ROLLBACK and left is not None and left != version:
        withdrawn |= {left}
    return replace(
        known,
        reigns=(*known.reigns, Reign(version, entry)),
        open=None,
        refused=known.refused - {version},
        rejected=known.rejected - {version},
        withdrawn=withdrawn,
        promoted=known.promoted | {version},
    )


def champion_at(entries: Iterable[Entry], moment: datetime) -> Reign | None:
    """Who was champion at a moment (with a time zone), and the entry that made it so; None before the first."""
    until = [entry for entry in entries if datetime.fromisoformat(entry.at) <= moment]
    reigns = standing(until).reigns
    return reigns[-1] if reigns else None
