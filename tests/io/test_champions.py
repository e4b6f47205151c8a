"""Changes of champion on a real MLflow and a real MinIO: one at a time, and whole whatever kills them."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from oi_tasks.core.ledger import standing
from oi_tasks.errors import Refused
from oi_tasks.io.champions import CHAMPION
from oi_tasks.settings import Settings
from tests.io.registry import SmallRegistry

ROOT = Path(__file__).parents[2]


@pytest.fixture
def registry(settings: Settings) -> SmallRegistry:
    made = SmallRegistry(settings)
    for _ in range(3):
        made.new_version()
    return made


def test_a_promotion_moves_the_alias_and_its_parts_and_is_entered_before_and_after(registry: SmallRegistry) -> None:
    registry.promote(1, None)
    registry.check()
    registry.promote(2, 1)
    registry.check()
    assert registry.tracking.alias(registry.model, CHAMPION) == 2
    assert [event for event, _ in registry.events("promotion started", "promoted")] == [
        "promotion started",
        "promoted",
    ] * 2
    assert registry.tracking.version_tags(registry.model, 2)["verdict"] == "v"
    count = len(registry.ledger.entries())
    registry.promote(2, 1)
    assert len(registry.ledger.entries()) == count


def test_what_may_not_be_promoted_is_refused_and_nothing_moves(registry: SmallRegistry) -> None:
    registry.promote(1, None)
    registry.promote(2, 1)
    registry.verdict(3, "refused")
    for version, against, code in ((3, 1, "champion_moved"), (3, 2, "refused")):
        with pytest.raises(Refused) as refused:
            registry.promote(version, against)
        assert refused.value.code == code
    registry.roll_back()
    with pytest.raises(Refused) as refused:
        registry.promote(2, 1)
    assert refused.value.code == "withdrawn"
    registry.check()
    assert registry.tracking.alias(registry.model, CHAMPION) == 1


def test_of_many_promotions_at_once_against_one_champion_exactly_one_wins(
    registry: SmallRegistry, settings: Settings
) -> None:
    registry.promote(1, None)

    def promote(version: int) -> int | None:
        try:
            SmallRegistry(settings, registry.name).promote(version, 1)
        except Refused as refused:
            return None if refused.code == "champion_moved" else -1
        return version

    with ThreadPoolExecutor(2) as pool:
        won = [version for version in pool.map(promote, [2, 3]) if version is not None]
    assert len(won) == 1
    registry.check()
    assert registry.tracking.alias(registry.model, CHAMPION) == won[0]
    assert registry.events("promoted") == [("promoted", 1), ("promoted", won[0])]


def test_a_rollback_goes_back_step_by_step_and_says_who_and_why(registry: SmallRegistry) -> None:
    for version in (1, 2, 3):
        registry.promote(version, version - 1 or None)
    done = registry.roll_back(request="r")
    assert (done.version, done.by, done.why) == (2, "ann", "it misses dogs")
    assert registry.roll_back(request="r") == done
    registry.check()
    assert registry.roll_back().version == 1
    registry.check()
    assert registry.roll_back(to=3).version == 3
    registry.check()


def test_a_rollback_to_what_cannot_serve_is_refused(registry: SmallRegistry) -> None:
    registry.promote(1, None)

    def broken(version: int) -> None:
        raise Refused(f"version {version} does not load", code="does_not_load")

    def code(to: int | None, **said) -> str:
        with pytest.raises(Refused) as refused:
            registry.roll_back(to, **said)
        registry.check()
        return refused.value.code

    assert code(None) == "no_previous"
    registry.promote(2, 1)
    assert code(2) == "is_champion"
    assert code(3) == "never_promoted"
    assert code(None, loads=broken) == "does_not_load"
    registry.verdict(3, "refused")
    assert code(3) == "refused"
    pinned = registry.champions.parts(1)[registry.parts[1]]
    registry.tracking.client.delete_model_version(registry.parts[1], str(pinned))
    assert code(1) == "gone"
    assert registry.tracking.alias(registry.model, CHAMPION) == 2


def test_a_move_by_hand_is_entered_and_the_parts_follow(registry: SmallRegistry) -> None:
    registry.promote(1, None)
    registry.verdict(3, "refused")
    registry.tracking.set_alias(registry.model, CHAMPION, 3)
    registry.champions.watch()
    registry.check()
    entry = registry.ledger.entries()[-1]
    assert (entry.event, entry.version, entry.facts["previous"], entry.facts["refused"]) == (
        "moved by hand",
        3,
        1,
        True,
    )
    registry.champions.watch()
    assert registry.ledger.entries()[-1] == entry
    assert registry.roll_back().version == 1
    registry.tracking.drop_alias(registry.model, CHAMPION)
    registry.champions.watch()
    assert registry.ledger.entries()[-1].version is None
    registry.check()


# -- killed


def deaths(settings: Settings, kind: str) -> list[SmallRegistry]:
    """Small registries, each left by a change that was killed before another one of its writes; the last came through."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OI_")}
    environment |= {
        "OI_ENV_FILE": "none",
        "OI_STORE_ENDPOINT": settings.store_endpoint,
        "OI_STORE_ACCESS_KEY": settings.store_access_key,
        "OI_STORE_SECRET_KEY": settings.store_secret_key.get_secret_value(),
        "OI_MLFLOW_URL": settings.mlflow_url,
    }
    words = [sys.executable, "-m", "tests.io.killed", kind]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["signal"] for line in lines[:-1]] == [signal.SIGKILL] * (len(lines) - 1), done.stderr
    assert lines[-1]["status"] == 0, done.stderr
    return [SmallRegistry(settings, line["name"]) for line in lines]


@pytest.mark.slow
def test_a_promotion_killed_before_any_of_its_writes_is_finished_by_whoever_comes_next(settings: Settings) -> None:
    *left, whole = deaths(settings, "promotion")
    assert len(left) >= 7  # two entries, two aliases, parts that move and one that goes, a tag
    whole.check()
    half_done = 0
    for place, registry in enumerate(left):
        half_done += standing(registry.ledger.entries()).open is not None
        if place % 2:
            registry.champions.watch()
        else:
            registry.promote(2, 1)
        registry.check()
        expected = 1 if place == 0 and not registry.events("promoted")[1:] else 2
        assert registry.tracking.alias(registry.model, CHAMPION) == expected
        assert registry.events("promoted")[1:] == [("promoted", 2)] * (expected == 2)
        assert registry.events("moved by hand") == []
    assert half_done == len(left) - 1  # only what died before its first entry left nothing to finish


@pytest.mark.slow
def test_a_rollback_that_was_killed_is_undone_where_it_cannot_be_finished(settings: Settings) -> None:
    *left, whole = deaths(settings, "rollback")
    assert whole.tracking.alias(whole.model, CHAMPION) == 1
    for place, registry in enumerate(left[1:], start=1):
        if place % 2:
            assert registry.roll_back(request="once").version == 1
            assert registry.events("rolled back") == [("rolled back", 1)]
            registry.check()
            continue
        registry.tracking.client.delete_model_version(registry.model, "1")
        registry.champions.watch()
        registry.check()
        assert registry.tracking.alias(registry.model, CHAMPION) == 2
        assert registry.events("rolled back", "rollback undone") == [("rollback undone", 1)]
