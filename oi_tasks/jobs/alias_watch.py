"""Look whether somebody moved the champion by hand, and whether the ledger is whole."""

from typing import Any, Self

from oi_tasks.core.ledger import MOVED
from oi_tasks.io.champions import Champions
from oi_tasks.io.ledger import Ledger
from oi_tasks.io.outputs import Output
from oi_tasks.jobs.base import Job, JobIO, JobResult
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.profile import Profile


class AliasWatch(Job):
    """Look whether somebody moved the champion by hand, and whether the ledger is whole.

    A move in the registry is entered in the ledger, the parts' aliases follow it, and a change of champion that died
    halfway is finished.
    """

    class Result(JobResult):
        """The champion, how many entries the ledger has, and the number of the entry that this look made, if any."""

        champion: int | None
        entries: int
        moved: int | None

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """Nothing of the profile matters here."""
        return cls(**inputs)

    def still_good(self, io: JobIO, output: Output) -> bool:
        """Each look is a new one."""
        return False

    def run(self, io: JobIO) -> Result:
        """Look. Raises OiError when an entry of the ledger is missing or changed."""
        ledger = Ledger(io.store)
        before = ledger.verify()
        known = Champions(io.tracking, ledger, CASCADE).watch()
        new = [entry for entry in ledger.entries()[before:] if entry.event == MOVED]
        for entry in new:
            told = ", which was turned down before" if entry.facts["refused"] else ""
            moved = f"moved by hand from version {entry.facts['previous']} to {entry.version}{told}"
            io.log(f"alias_watch: {CASCADE}@champion was {moved}; entry {entry.number} says so")
        if not new:
            io.log(f"alias_watch: {CASCADE}@champion is version {known.champion}, as the ledger says")
        return self.Result(champion=known.champion, entries=known.count, moved=new[-1].number if new else None)
