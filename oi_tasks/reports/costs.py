"""What a run cost, step by step: the rows of a table, what the verdict says, and what is logged beside the model."""

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

    def plain(self) -> dict[str, float | None]:
        """As the verdict has it."""
        return {**(self.used or Used()).plain(), "price": self.price}


@dataclass(frozen=True)
class Costs:
    """Of one run, and of the version that it judged, whose steps may have run earlier."""

    rows: tuple[Row, ...]
    run: Row
    version: Row
    currency: str

    def plain(self) -> dict[str, Any]:
        """As the verdict has it; a run without steps is none."""
        run = self.run.plain() if self.rows else None
        return {"run": run, "version": self.version.plain(), "currency": self.currency}


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


def sentence(row: Mapping[str, Any], currency: str) -> str:
    """A row of the verdict in words: `1,800 CPU seconds, 3,600 GPU seconds, 2.0 MB stored, 3.00 EUR`."""
    words = [f"{row['cpu_seconds']:,.0f} CPU seconds"]
    words += [f"{row['gpu_seconds']:,.0f} GPU seconds"] if row["gpu_seconds"] else []
    words.append(f"{row['stored_bytes'] / 1e6:,.1f} MB stored")
    words += [f"{row['price']:,.2f} {currency}"] if row["price"] is not None else []
    return ", ".join(words)


def _name(said: Mapping[str, Any]) -> str:
    cluster = said["result"].get("cluster")
    return f"{said['job']} [{cluster}]" if cluster else str(said["job"])
