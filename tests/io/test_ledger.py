"""The ledger on a real store: entries in order, each once, and nothing changed unseen."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from oi_tasks.core.fingerprint import canonical_json
from oi_tasks.errors import OiError
from oi_tasks.io.ledger import ENTRIES, Ledger
from oi_tasks.io.store import Store
from oi_tasks.local import services
from oi_tasks.local.addresses import Addresses
from oi_tasks.settings import Settings


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of its own: what is in a ledger stays."""
    state = tmp_path_factory.mktemp("ledger")
    running = services.start(state, ("minio",), Addresses.free())
    try:
        yield Store(Settings(_env_file=running.state / "env"))
    finally:
        services.stop(state)


def test_many_writers_at_once_each_get_a_number_and_the_chain_holds(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(lambda place: Ledger(store).append("promoted", f"v{place}", {"n": place}), range(24)))
    assert sorted(entry["number"] for entry in entries) == list(range(1, 25))
    ledger = Ledger(store)
    assert [entry["number"] for entry in ledger.entries()] == list(range(1, 25))
    assert ledger.verify() == 24
    assert ledger.append("promoted", "v3", {"n": "other"}) == next(e for e in entries if e["subject"] == "v3")
    assert ledger.verify() == 24
    _tamper(store)


def _tamper(store: Store) -> None:
    """An entry that is overwritten is found, though the store kept the version before."""
    key = f"{ENTRIES}{5:08}.json"
    entry = next(entry for entry in Ledger(store).entries() if entry["number"] == 5)
    store.put_bytes("oi-ledger", key, canonical_json(entry | {"facts": {"n": "forged"}}))
    with pytest.raises(OiError, match="the ledger is broken at entry 6"):
        Ledger(store).verify()
