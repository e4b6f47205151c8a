"""What steps used of the machines and of the store, and what that costs."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

HOUR = 3600.0  # seconds
GB = 1e9  # bytes


@dataclass(frozen=True)
class Used:
    """What one step, or several together, used: seconds of cores, seconds of GPUs held, bytes newly stored."""

    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    stored_bytes: int = 0

    @classmethod
    def of(cls, said: Mapping[str, Any] | None) -> Self:
        """As a job's result or manifest has it; None, as of a step that was reused, is nothing."""
        return cls() if said is None else cls(**{name: said[name] for name in cls.__dataclass_fields__})

    def plain(self) -> dict[str, float]:
        """As a job's result and manifest keep it."""
        return asdict(self)


@dataclass(frozen=True)
class Rates:
    """Prices of an hour of a core, an hour of a GPU, and a gigabyte stored for a month."""

    cpu_hour: float
    gpu_hour: float
    gb_month: float

    def price(self, used: Used) -> float:
        """The price of what was used; what was stored, for one month."""
        computed = (self.cpu_hour * used.cpu_seconds + self.gpu_hour * used.gpu_seconds) / HOUR
        return computed + self.gb_month * used.stored_bytes / GB


def total(parts: Iterable[Used]) -> Used:
    """All of them together."""
    every = list(parts)
    return Used(
        round(sum(used.cpu_seconds for used in every), 3),
        round(sum(used.gpu_seconds for used in every), 3),
        sum(used.stored_bytes for used in every),
    )
