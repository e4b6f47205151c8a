"""What a run cost, step by step: the rows of a table, and what is logged beside the model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oi_tasks.core.cost import Rates, Used, total
from oi_tasks.profile.prices import Prices


@dataclass(frozen=True)
class Row:
    """A step, or a total: what it used, or None where it reused what was there; and the price, if there are prices."""

    name: str
    used: Used | None
    price: float | None


@dataclass(frozen=True)
class Costs:
    """Of one run, and of the version that it judged, whose steps may have run earlier."""

    rows: tuple[Row, ...]
    run: Row
    version: Row
    currency: str


def costs(steps: Sequence[Mapping[str, Any]], made: Iterable[Mapping[str, Any]], prices: Prices | None) -> Costs:
    """The costs of a run.

    `steps`: the results of its steps; `made`: how the outputs that the version consists of were produced.
    """
    rates = None if prices is None else Rates(prices.cpu_hour, prices.gpu_hour, prices.gb_month)

    def row(name: str, used: Used | None) -> Row:
        return Row(name, used, None if rates is None else rates.price(used or Used()))

    rows = tuple(row(_name(said), None if said["reused"] else Used.of(said.get("used"))) for said in steps)
    return Costs(
        rows=rows,
        run=row("This run", total(one.used for one in rows if one.used is not None)),
        version=row("This version", total(Used.of(produced.get("used")) for produced in made)),
        currency="" if prices is None else prices.currency,
    )


def metrics(row: Row) -> dict[str, float]:
    """What a run used, as numbers of an MLflow run, whose pages sort them behind what it found."""
    used = row.used or Used()
    named = {f"spent/{name}": float(value) for name, value in used.plain().items()}
    return named if row.price is None else named | {"spent/price": row.price}


def tags(row: Row, currency: str) -> dict[str, str]:
    """What making a version took, as tags of the version."""
    used = row.used or Used()
    named = {name: f"{value:.0f}" for name, value in used.plain().items()}
    return named if row.price is None else named | {"price": f"{row.price:.2f} {currency}"}


def _name(said: Mapping[str, Any]) -> str:
    cluster = said["result"].get("cluster")
    return f"{said['job']} [{cluster}]" if cluster else str(said["job"])
