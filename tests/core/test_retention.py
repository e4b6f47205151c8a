"""What may go: never what is young, referred to, or what these were made from."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from oi_tasks.core.retention import Published, may_go

SINCE = datetime(2026, 8, 1, tzinfo=UTC)


def name(place: int) -> str:
    return f"{place:020x}"


def output(place: int, made_from: set[int], days: int) -> Published:
    names = frozenset(map(name, made_from))
    return Published("shards", name(place), SINCE + timedelta(days=days), names, frozenset())


def test_what_a_kept_output_was_made_from_stays_however_old() -> None:
    outputs = [output(1, set(), -90), output(2, {1}, -60), output(3, {2}, 1), output(4, {1}, -60), output(5, {4}, -1)]
    assert {found.id for found in may_go(outputs, SINCE, [])} == {name(4), name(5)}
    assert {found.id for found in may_go(outputs, SINCE, [name(5)])} == set()
    assert {found.id for found in may_go(outputs, SINCE, [name(99)])} == {name(4), name(5)}


def test_evidence_stays_without_what_it_was_made_from() -> None:
    outputs = [output(1, set(), -90), output(2, {1}, -60), output(3, {2}, -50)]
    assert {found.id for found in may_go(outputs, SINCE, [], [name(3), name(99)])} == {name(1), name(2)}
    assert {found.id for found in may_go(outputs, SINCE, [name(2)], [name(3)])} == set()
    assert {found.id for found in may_go(outputs, SINCE, [name(3)], [name(3)])} == set()


def test_ids_are_found_wherever_a_manifest_names_them() -> None:
    manifest = {
        "job": "evaluate",
        "id": name(9),
        "fields": {"dataset": name(1), "semseg": [name(2), {"deep": name(3)}], "seed": 7},
        "result": {"also": name(4), "itself": name(9)},
        "objects": {"a": {"bucket": "oi-data", "key": "sha256/aa/aa"}},
        "produced": {"at": "2026-08-02T00:00:00+00:00"},
    }
    found = Published.of(manifest)
    assert found.names == {name(place) for place in (1, 2, 3, 4)}
    assert found.objects == {("oi-data", "sha256/aa/aa")}
    assert found.at > SINCE


@given(st.lists(st.tuples(st.sets(st.integers(0, 9), max_size=3), st.integers(-5, 5)), max_size=10))
def test_nothing_that_stays_names_anything_that_goes(made: list[tuple[set[int], int]]) -> None:
    outputs = [output(place, parts, days) for place, (parts, days) in enumerate(made)]
    gone = {found.id for found in may_go(outputs, SINCE, [name(0)])}
    for found in outputs:
        if found.id not in gone:
            assert not found.names & gone
        else:
            assert found.at < SINCE
    assert name(0) not in gone
