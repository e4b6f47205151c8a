"""The ledger on a real store: entries in order, each once, and nothing changed or removed unseen."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from minio.error import S3Error

from oi_tasks.core.fingerprint import canonical_json
from oi_tasks.core.ledger import Entry
from oi_tasks.errors import OiError
from oi_tasks.io.ledger import Ledger
from oi_tasks.io.store import LEDGER, Store
from oi_tasks.local import services
from oi_tasks.local.addresses import Addresses
from oi_tasks.settings import Settings
from tests.io.test_store import root_of

pytestmark = pytest.mark.slow

OI = str(Path(sys.executable).with_name("oi"))
STORES = ("minio", "versitygw")


@pytest.fixture
def folder() -> str:
    """A ledger of its own in the shared store: what is in a ledger stays."""
    return f"{uuid4().hex}/"


def key(folder: str, number: int) -> str:
    return f"{folder}{number:08}.json"


def filled(store: Store, folder: str, count: int = 4) -> Ledger:
    ledger = Ledger(store, folder)
    for number in range(count):
        ledger.append("refused", f"v{number}", {"version": number}, by="ann", why="too weak")
    return ledger


def test_many_writers_at_once_each_get_a_number_and_the_chain_holds(store: Store, folder: str) -> None:
    def write(place: int) -> Entry:
        return Ledger(store, folder).append("refused", f"v{place}", {"n": place})

    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(write, range(24)))
    assert sorted(entry.number for entry in entries) == list(range(1, 25))
    ledger = Ledger(store, folder)
    assert [entry.number for entry in ledger.entries()] == list(range(1, 25))
    assert ledger.verify() == 24
    known = next(entry for entry in entries if entry.subject == "v3")
    assert ledger.append("refused", "v3", {"n": "other"}, once=True) == known
    assert ledger.append("refused", "v3", {"n": "other"}).number == 25
    assert ledger.verify() == 25


def test_each_entry_names_the_sha256_of_what_was_stored_before_it(store: Store, folder: str) -> None:
    import hashlib

    ledger = filled(store, folder)
    for number in range(2, 5):
        stored = store.get_bytes(LEDGER, key(folder, number - 1))
        assert ledger.entry(number).before == hashlib.sha256(stored).hexdigest()


@pytest.mark.parametrize("number", [1, 3, 4])
def test_an_entry_that_is_written_over_is_named_and_still_read_as_it_was(
    store: Store, folder: str, number: int
) -> None:
    ledger = filled(store, folder)
    forged = replace(ledger.entry(number), facts={"version": 99})
    store.put_bytes(LEDGER, key(folder, number), forged.to_bytes())
    with pytest.raises(OiError, match=f"entry {number} was written over") as found:
        Ledger(store, folder).verify()
    assert found.value.exit_code == 1
    assert Ledger(store, folder).entry(number).facts == {"version": number - 1}


def test_an_entry_that_is_missing_or_forged_where_nothing_is_kept_is_named(store: Store, folder: str) -> None:
    entries = filled(store, folder).entries()
    gap, forged = f"{folder}gap/", f"{folder}forged/"
    for entry in entries:
        if entry.number != 2:
            store.put_bytes(LEDGER, key(gap, entry.number), entry.to_bytes())
        changed = replace(entry, why="so I say") if entry.number == 2 else entry
        store.put_bytes(LEDGER, key(forged, entry.number), changed.to_bytes())
    with pytest.raises(OiError, match="entry 2 is missing"):
        Ledger(store, gap).verify()
    with pytest.raises(OiError, match="entry 3 does not follow"):
        Ledger(store, forged).verify()
    assert Ledger(store, gap).append("refused", "v9", {}).number == 5


def test_the_jobs_key_cannot_remove_an_entry_and_not_even_the_root_removes_its_versions(
    store: Store, folder: str, store_settings: Settings
) -> None:
    filled(store, folder, 1)
    with pytest.raises(OiError, match="AccessDenied"):
        store.remove(LEDGER, key(folder, 1))
    root = root_of(store_settings)
    (version,) = store.versions(LEDGER, key(folder, 1))
    with pytest.raises(S3Error, match="WORM|object lock"):
        root.remove_object(LEDGER, version.key, version_id=version.id)
    root.remove_object(LEDGER, version.key)  # hides it, as a version of its own
    with pytest.raises(OiError, match="entry 1 was removed"):
        Ledger(store, folder).verify()
    assert Ledger(store, folder).entry(1).by == "ann"


# -- the command


@pytest.fixture(scope="module")
def own_ledger(tmp_path_factory: pytest.TempPathFactory):
    """A MinIO whose ledger the command reads: three entries, of three days."""
    state = tmp_path_factory.mktemp("ledger")
    running = services.start(state, ("minio",), Addresses.free())
    ledger = Ledger(Store(Settings(_env_file=running.state / "env")))
    facts = {"version": 1, "previous": None}
    days = [
        ("2026-11-20T02:10:00+00:00", "promoted", facts),
        ("2026-11-22T02:10:00+00:00", "promoted", {"version": 2, "previous": 1}),
        ("2026-11-24T09:30:00+00:00", "rolled back", {"version": 1, "previous": 2}),
    ]
    for at, event, facts in days:
        ledger.transact(
            lambda entries, at=at, event=event, facts=facts: replace(
                ledger.following(entries, event, "oi-cascade", facts, by="ann", why="because"), at=at
            )
        )
    try:
        yield running
    finally:
        services.stop(state)


def oi(running, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OI_")}
    environment |= {"OI_ENV_FILE": str(running.state / "env"), "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run([OI, *words], env=environment, capture_output=True, text=True, timeout=60)


def test_what_the_command_says(own_ledger) -> None:
    listed = oi(own_ledger, "ledger", "list").stdout
    assert [line.split()[0] for line in listed.splitlines()[1:]] == ["1", "2", "3"]
    assert "version 2 after 1" in listed
    assert [entry["event"] for entry in json.loads(oi(own_ledger, "ledger", "list", "--json").stdout)] == [
        "promoted",
        "promoted",
        "rolled back",
    ]
    shown = json.loads(oi(own_ledger, "ledger", "show", "3", "--json").stdout)
    assert (shown["by"], shown["why"], shown["facts"]) == ("ann", "because", {"previous": 2, "version": 1})
    assert "3 entries" in oi(own_ledger, "ledger", "verify").stdout


@pytest.mark.parametrize(
    ("date", "said"),
    [
        ("2026-11-19", "there was no champion"),
        ("2026-11-20", "version 1 was champion"),
        ("2026-11-22T02:09:59", "version 1 was champion"),
        ("2026-11-22T04:10:00+02:00", "version 2 was champion"),
        ("2026-11-23", "version 2 was champion"),
        ("2026-11-24", "version 1 was champion"),
    ],
)
def test_who_was_champion_on_a_day(own_ledger, date: str, said: str) -> None:
    assert said in oi(own_ledger, "ledger", "at", date).stdout


def test_what_cannot_be_is_one_line(own_ledger) -> None:
    for words, status, said in (
        (("ledger", "at", "yesterday"), 2, "is no date"),
        (("ledger", "show", "9"), 2, "the ledger has no entry 9"),
        (("rollback", "--reason", " "), 2, "--reason cannot be"),
        (("rollback", "--reason", "it misses dogs"), 4, "MLflow does not answer"),
    ):
        done = oi(own_ledger, *words)
        assert done.returncode == status, done.stderr
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
    entry = Ledger(Store(Settings(_env_file=own_ledger.state / "env"))).entry(2)
    forged = canonical_json(entry.plain() | {"why": "for no reason"})
    Store(Settings(_env_file=own_ledger.state / "env")).put_bytes(LEDGER, "entries/00000002.json", forged)
    done = oi(own_ledger, "ledger", "verify")
    assert done.returncode == 1
    assert "entry 2 was written over" in done.stderr
