"""Promotions, refusals, moves by hand, crashes and rollbacks at random, on a real MLflow and a real MinIO."""

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from oi_tasks.core.ledger import standing
from oi_tasks.errors import Refused
from oi_tasks.io.champions import CHAMPION
from oi_tasks.settings import Settings
from tests.io.registry import SmallRegistry, dying

pytestmark = pytest.mark.slow
WRITES = 12  # a change makes fewer
PLACES = st.integers(0, 7)


class Died(BaseException):
    """The process is gone: nothing after this runs."""


def die() -> None:
    raise Died


class Machine(RuleBasedStateMachine):
    """What a person and the nightly run may do, and what must hold whatever they do."""

    settings: Settings

    @initialize()
    def start(self) -> None:
        self.registry = SmallRegistry(self.settings)
        self.versions: list[int] = []
        self.verdicts: dict[int, str] = {}
        self.rolled_back: set[int] = set()
        self.settled = True
        self.candidate()

    def pick(self, place: int) -> int:
        return self.versions[place % len(self.versions)]

    def alias(self) -> int | None:
        return self.registry.tracking.alias(self.registry.model, CHAMPION)

    @rule()
    def candidate(self) -> None:
        self.versions.append(self.registry.new_version())

    @rule(place=PLACES, event=st.sampled_from(["passed", "refused"]))
    def verdict(self, place: int, event: str) -> None:
        version = self.pick(place)
        self.registry.verdict(version, event)
        self.verdicts[version] = event

    @rule(place=PLACES, at=st.integers(1, WRITES) | st.none())
    def promote(self, place: int, at: int | None) -> None:
        version, against = self.pick(place), self.alias()
        if version == against or not self.verdicts.get(version):
            return
        promoted = {reign for event, reign in self.registry.events("promoted", "rolled back")}
        allowed = (self.verdicts[version] == "passed" or version in promoted) and version not in self.rolled_back
        try:
            with dying(at or -1, die):
                self.registry.promote(version, against)
        except Died:
            self.settled = False
            return
        except Refused:
            # what was settled on the way may have made another version champion
            assert not allowed or not self.settled
        else:
            assert allowed or not self.settled
            assert self.alias() == version
        self.settled = True

    @rule(place=PLACES | st.none(), at=st.integers(1, WRITES) | st.none())
    def roll_back(self, place: int | None, at: int | None) -> None:
        to = None if place is None else self.pick(place)
        left = self.registry.champions.watch().champion
        try:
            with dying(at or -1, die):
                done = self.registry.roll_back(to)
        except Died:
            self.settled = False
            return
        except Refused:
            assert self.alias() == left
        else:
            assert self.alias() == done.version == (to or done.version)
            assert done.version != left
        self.settled = True

    @rule(place=PLACES | st.none())
    def move_by_hand(self, place: int | None) -> None:
        if place is None:
            self.registry.tracking.drop_alias(self.registry.model, CHAMPION)
        else:
            self.registry.tracking.set_alias(self.registry.model, CHAMPION, self.pick(place))
        self.settled = False

    @precondition(lambda self: not self.settled)
    @rule()
    def watch(self) -> None:
        there = self.alias()
        before = standing(self.registry.ledger.entries())
        after = self.registry.champions.watch()
        if before.open is None:
            assert after.champion == there
        self.settled = True

    @invariant()
    def all_agree(self) -> None:
        if self.settled:
            self.registry.check()
        self.rolled_back = set()
        verdicts: dict[int, str] = {}
        champions: set[int | None] = set()
        for entry in self.registry.ledger.entries():
            version, left = entry.version, entry.facts.get("previous")
            if entry.event in ("passed", "refused"):
                verdicts[version] = entry.event
            if entry.event in ("promoted", "rolled back"):
                assert version in champions or verdicts.get(version) == "passed", "a refused version became champion"
                champions.add(version)
                self.rolled_back -= {version}
            if entry.event == "rolled back":
                self.rolled_back |= {left}


def test_alias_ledger_and_cascade_agree_whatever_happens(settings: Settings) -> None:
    Machine.settings = settings
    bounded = hypothesis_settings(
        max_examples=8, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    run_state_machine_as_test(Machine, settings=bounded)
