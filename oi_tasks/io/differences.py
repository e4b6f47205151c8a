"""What differs between two tables of the same form: rows added, gone and changed."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

COPY = "copy"  # tells equal rows apart: 0 for the first, 1 for the second


@dataclass(frozen=True)
class Differences:
    """Rows that stand in one table alone, and pairs with the same key and other values.

    `changed` has the key's columns and the structs `was` and `now`, of the other columns.
    """

    added: pl.DataFrame
    gone: pl.DataFrame
    changed: pl.DataFrame

    def counts(self) -> dict[str, int]:
        """How many of each."""
        return {"added": self.added.height, "gone": self.gone.height, "changed": self.changed.height}


def differences(before: pl.DataFrame, after: pl.DataFrame, key: Sequence[str]) -> Differences:
    """Compare two tables row by row; order does not matter, and a row that stands twice is two rows.

    Rows of equal `key` columns that are not equal in the others make a pair of `changed`, as far as they go.
    """
    columns = [name for name in before.columns if name in after.columns]
    before, after = _numbered(before.select(columns), columns), _numbered(after.select(columns), columns)
    whole = [*columns, COPY]
    gone = before.join(after, on=whole, how="anti", nulls_equal=True).drop(COPY)
    added = after.join(before, on=whole, how="anti", nulls_equal=True).drop(COPY)
    rest = [name for name in columns if name not in key]
    if not rest:
        return Differences(added, gone, gone.clear().with_columns(was=None, now=None))
    pair, kept = [*key, COPY], [*key, *rest]
    gone, added = _numbered(gone, key), _numbered(added, key)
    changed = gone.select(*pair, was=pl.struct(rest)).join(
        added.select(*pair, now=pl.struct(rest)), on=pair, nulls_equal=True
    )
    return Differences(
        added=added.join(changed, on=pair, how="anti", nulls_equal=True).select(kept),
        gone=gone.join(changed, on=pair, how="anti", nulls_equal=True).select(kept),
        changed=changed.drop(COPY),
    )


def _numbered(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    return rows.with_columns(pl.int_range(pl.len()).over(key).alias(COPY))
