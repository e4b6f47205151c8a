"""Who is champion: one alias in the registry, moved by promotion and rollback, with the ledger before and after.

MLflow moves an alias without asking who moved it last. The ledger asks: a change starts with an entry that is written
only if no other came in between, so of two at once one is first. From that entry on every step can be done again, and
whoever comes next does so: what died halfway is finished, or undone where it cannot be.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from oi_tasks.core.ledger import DONE, MOVED, PROMOTION, ROLLBACK, STARTED, UNDONE, Entry, Standing, standing
from oi_tasks.errors import Refused
from oi_tasks.io.ledger import Ledger
from oi_tasks.io.tracking import Tracking

CHAMPION, PREVIOUS = "champion", "previous"
CLOSED = {kind: event for event, kind in DONE.items()}
GIVEN_UP = {kind: event for event, kind in UNDONE.items()}
Choose = Callable[[Standing], int]


class _Unsettled(Exception):
    """Something changed since the last look: settle it, and look again."""


class Champions:
    """The champion of a registered cascade, by the registry and by the ledger."""

    def __init__(self, tracking: Tracking, ledger: Ledger, model: str) -> None:
        self.tracking, self.ledger, self.model = tracking, ledger, model

    # -- what a caller asks for

    def promote(
        self,
        version: int,
        judged_against: int | None,
        facts: Mapping[str, Any],
        tags: Mapping[str, str],
        why: str,
        by: str = "",
    ) -> Standing:
        """Make a version champion that the gate let through against the champion of that moment.

        `by`: who approved it, where a person was asked.
        Raises Refused when another is champion by now, or the version was refused, rejected or rolled back meanwhile.
        """

        def choose(known: Standing) -> int:
            what = f"version {version} of {self.model}"
            if known.champion not in (judged_against, version):
                text = f"the champion is version {known.champion} by now; {what} was judged against {judged_against}"
                raise Refused(text, fix="run the retrain again", code="champion_moved")
            if version in known.refused:
                raise Refused(f"{what} was turned down", fix="`oi ledger list` says when and why", code="refused")
            if version in known.withdrawn:
                raise Refused(f"{what} was rolled back", fix="`oi ledger list` says why", code="withdrawn")
            return version

        if self.watch().champion == version:
            return self.settle()
        return self._change(PROMOTION, choose, facts, tags, by=by, why=why)

    def roll_back(self, to: int | None, reason: str, by: str, loads: Callable[[int], None], request: str = "") -> Entry:
        """Bring an earlier champion back, the latest that may be used unless one is named. Returns the ledger's entry.

        `loads` raises Refused for a version that does not load and answer. A `request` that was done before is not done
        again. Raises Refused when there is none to go back to, or the one named was never promoted, was turned down,
        is gone, or is champion.
        """
        loaded: set[int] = set()
        self.settle()
        for entry in self.ledger.entries():
            if request and DONE.get(entry.event) == ROLLBACK and entry.facts.get("request") == request:
                return entry

        def choose(known: Standing) -> int:
            version = self._earlier(known, to)
            if version not in loaded:
                loads(version)
                loaded.add(version)
            return version

        known = self._change(ROLLBACK, choose, {"request": request}, {}, by=by, why=reason)
        return known.reigns[-1].entry

    def settle(self) -> Standing:
        """Finish or undo the change that died halfway, if there is one."""
        while (known := standing(self.ledger.entries())).open is not None:
            self._finish(known.open)
        return known

    def watch(self) -> Standing:
        """Enter a move of the alias that neither a promotion nor a rollback made; the parts' aliases follow it."""
        self.settle()

        def decide(entries: list[Entry]) -> Entry:
            known = standing(entries)
            there = self.tracking.alias(self.model, CHAMPION)
            if known.open is not None or there == known.champion:
                raise _Unsettled
            facts: dict[str, Any] = {"version": there, "previous": known.champion, "refused": there in known.refused}
            facts["parts"] = self.parts(there)
            why = f"the alias {CHAMPION} was moved in the registry, by neither a promotion nor a rollback"
            return self.ledger.following(entries, MOVED, self._subject(there), facts, by="unknown", why=why)

        try:
            moved = self.ledger.transact(decide)
        except _Unsettled:
            return self.settle()
        known = self.settle()
        left = known.reigns[-2].entry.facts.get("parts") if known.reigns[1:] else None
        self._point(known.champion, known.previous, left=left or self.parts(moved.facts["previous"]))
        return known

    def parts(self, version: int | None) -> dict[str, int]:
        """The exact versions of the parts that a version of the cascade pins, from its tags."""
        tags = self.tracking.version_tags(self.model, version) if version is not None else None
        return {
            name: int(value.removeprefix("version "))
            for name, value in (tags or {}).items()
            if name.startswith("oi-") and value.startswith("version ")
        }

    # -- a change, step by step

    def _change(
        self, kind: str, choose: Choose, facts: Mapping[str, Any], tags: Mapping[str, str], *, by: str = "", why: str
    ) -> Standing:
        event = f"{kind} started"

        def decide(entries: list[Entry]) -> Entry:
            known = standing(entries)
            if known.open is not None:
                raise _Unsettled
            version = choose(known)
            if self.tracking.alias(self.model, CHAMPION) != known.champion:
                raise _Unsettled
            said = {"version": version, "previous": known.champion, "tags": dict(tags), **facts}
            said["parts"] = self.parts(version)  # they are known by name even when the version is gone
            started = self.ledger.following(entries, event, self._subject(version), said, by=by, why=why)
            after = standing([*entries, replace(started, event=CLOSED[kind])])
            return replace(started, facts=said | {"fallback": after.previous})

        while True:
            self.watch()
            try:
                started = self.ledger.transact(decide)
            except _Unsettled:
                continue
            self._finish(started)
            return self.settle()

    def _finish(self, started: Entry) -> None:
        """Take a started change to its end; undo it where its version or a part is gone, or a hand moved the alias."""
        version, left = started.facts["version"], started.facts["previous"]
        kind = STARTED[started.event]
        there, missing = self.tracking.alias(self.model, CHAMPION), self._missing(version)
        ours = {version, left} | ({None} if missing else set())  # a version takes its alias along when it goes
        if there not in ours:
            self._close(started, GIVEN_UP[kind], f"the alias was moved to {there} by hand meanwhile")
        elif missing:
            before = standing(self.ledger.entries())
            self._point(left, before.previous, left=started.facts.get("parts", {}))
            self._close(started, GIVEN_UP[kind], f"the registry has no {missing} any more")
        else:
            self._point(version, started.facts.get("fallback", left), left=self.parts(left))
            self.tracking.tag(self.model, version, started.facts.get("tags", {}))
            self._close(started, CLOSED[kind], started.why)

    def _close(self, started: Entry, event: str, why: str) -> None:
        """Enter how a change ended, once. Where another process closed it before, the aliases are put as it left them.

        That other may have gone on to a further change while this one still moved aliases.
        """
        late = False

        def decide(entries: list[Entry]) -> Entry:
            nonlocal late
            known = standing(entries)
            late = known.open is None or known.open.number != started.number
            if late:
                return entries[-1]
            facts = started.facts | {"started": started.number}
            return self.ledger.following(entries, event, started.subject, facts, by=started.by, why=why)

        self.ledger.transact(decide)
        if late:
            known = self.settle()
            self._point(known.champion, known.previous, left=started.facts.get("parts", {}))

    def _point(self, champion: int | None, previous: int | None, left: Iterable[str]) -> None:
        """Point every alias where it belongs; of the parts `left`, those that are none now lose theirs."""
        self._alias(self.model, PREVIOUS, previous)
        self._alias(self.model, CHAMPION, champion)
        parts = self.parts(champion)
        for name in sorted(set(left) - parts.keys()):
            self._alias(name, CHAMPION, None)
        for name, version in sorted(parts.items()):
            self._alias(name, CHAMPION, version)

    def _alias(self, model: str, alias: str, version: int | None) -> None:
        if self.tracking.alias(model, alias) == version:
            return
        if version is None or not self.tracking.version_exists(model, version):
            self.tracking.drop_alias(model, alias)
        else:
            self.tracking.set_alias(model, alias, version)

    def _missing(self, version: int) -> str:
        """The first of a version and its parts that the registry has lost; empty when all are there."""
        for name, number in {self.model: version, **self.parts(version)}.items():
            if not self.tracking.version_exists(name, number):
                return f"version {number} of {name}"
        return ""

    def _earlier(self, known: Standing, to: int | None) -> int:
        """The version to go back to. Raises Refused when it may not be, or there is none."""
        if known.champion is None:
            raise Refused(f"{self.model} has no champion: there is nothing to roll back", code="no_champion")
        version = known.previous if to is None else to
        fix = "`oi ledger list` shows the champions there were"
        if version is None:
            raise Refused("there is no earlier champion to go back to", fix="name one with --to", code="no_previous")
        what = f"version {version} of {self.model}"
        if version == known.champion:
            raise Refused(f"{what} is the champion already", code="is_champion")
        if version in known.refused:
            raise Refused(f"{what} was turned down", fix=fix, code="refused")
        if version not in known.promoted:
            raise Refused(f"{what} was never promoted", fix=fix, code="never_promoted")
        if missing := self._missing(version):
            raise Refused(f"{what} cannot be restored: the registry has no {missing}", code="gone")
        return version

    def _subject(self, version: int | None) -> str:
        return f"{self.model}/{version}" if version is not None else self.model
