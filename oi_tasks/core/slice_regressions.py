"""Which slices got worse, with many looked at: Holm's procedure keeps the chance of one false alarm in all below alpha.

S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Z_95 = 1.959964  # half the width of a 95 % interval, in standard errors


@dataclass(frozen=True)
class SliceRow:
    """A slice's number and the paired difference to the champion's, with the ends of its 95 % interval."""

    kind: str
    value: str
    name: str
    metric: str
    photos: int
    candidate: float | None
    champion: float | None
    difference: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "SliceRow":
        """From a row of the evaluation's document."""
        fields: dict[str, Any] = {name: row.get(name) for name in cls.__dataclass_fields__}
        return cls(**fields)


@dataclass(frozen=True)
class SliceLimit:
    """Slices of at least `min_photos` may lose `may_lose`; more than that, at level `alpha`, is a regression."""

    may_lose: float
    alpha: float
    min_photos: int


def regressions(rows: Sequence[SliceRow], limit: SliceLimit) -> list[tuple[SliceRow, float | None]]:
    """The slices that lost more than they may, beyond chance, with the adjusted chance; None: it cannot be told."""
    judged = [row for row in rows if row.photos >= limit.min_photos]
    chances = [chance(row, limit.may_lose) for row in judged]
    unknown: list[tuple[SliceRow, float | None]] = [
        (row, None) for row, found in zip(judged, chances, strict=True) if found is None
    ]
    known = [(row, found) for row, found in zip(judged, chances, strict=True) if found is not None]
    adjusted = holm([found for _, found in known])
    worse = [(row, p) for (row, _), p in zip(known, adjusted, strict=True) if p < limit.alpha]
    return unknown + sorted(worse, key=lambda found: found[1])


def chance(row: SliceRow, may_lose: float) -> float | None:
    """How likely so large a loss is if the slice truly lost `may_lose`: one-sided, None where something is missing.

    The standard error is read off the bootstrap interval's width, as of a normal distribution.
    """
    if row.difference is None or row.low is None or row.high is None:
        return None
    error = (row.high - row.low) / (2 * Z_95)
    if math.isnan(error + row.difference):
        return None
    beyond = row.difference + may_lose
    if error <= 0:
        return 1.0 if beyond >= 0 else 0.0
    return 0.5 * math.erfc(-beyond / error / math.sqrt(2))


def holm(chances: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given."""
    order = sorted(range(len(chances)), key=lambda place: chances[place])
    adjusted, highest = [0.0] * len(chances), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(chances) - rank) * chances[place]))
        adjusted[place] = highest
    return adjusted
