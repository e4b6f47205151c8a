"""What differs between two tables, against a plain count of rows."""

from collections import Counter

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from oi_tasks.io.differences import differences

ROWS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([0.25, None]), st.integers(0, 2)), max_size=8)
SCHEMA = {"id": pl.String, "x": pl.Float64, "flag": pl.Int64}


def table(rows: list[tuple[str, float | None, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@given(ROWS, ROWS)
def test_no_row_is_lost_or_made_up(before: list, after: list) -> None:
    found = differences(table(before), table(after), ["id", "x"])
    old, new = Counter(before), Counter(after)
    gone = Counter(found.gone.rows()) + Counter((*r[:2], r[2]["flag"]) for r in found.changed.rows())
    added = Counter(found.added.rows()) + Counter((*r[:2], r[3]["flag"]) for r in found.changed.rows())
    assert gone == old - new
    assert added == new - old
    by_key = [Counter(row[:2] for row in rows.elements()) for rows in (old - new, new - old)]
    assert found.changed.height == (by_key[0] & by_key[1]).total()


def test_what_was_and_what_is_now() -> None:
    found = differences(table([("a", 0.25, 0), ("a", None, 1)]), table([("a", None, 2), ("a", 0.25, 0)]), ["id", "x"])
    assert found.counts() == {"added": 0, "gone": 0, "changed": 1}
    assert found.changed.row(0) == ("a", None, {"flag": 1}, {"flag": 2})
