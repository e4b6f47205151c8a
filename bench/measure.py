"""How a measurement is taken and told."""

import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

REPEATS = 3
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Figure:
    """A ratio and what it should be. `at_least` says which side of the target is good."""

    name: str
    value: float
    target: float
    at_least: bool
    unit: str
    against: str

    @property
    def ok(self) -> bool:
        """Whether the target is reached."""
        return self.value >= self.target if self.at_least else self.value <= self.target

    def line(self) -> str:
        """One line: name, figure, target, verdict."""
        sign = "≥" if self.at_least else "≤"
        verdict = "ok" if self.ok else "short"
        return (
            f"{self.name:<28} {self.value:8.3g} {self.unit} (target {sign} {self.target:g}) {verdict:<5} {self.against}"
        )


def seconds(work: Callable[[], object], before: Callable[[], object]) -> float:
    """How long one call takes; what comes before it is not timed."""
    before()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ratio(
    work: Callable[[], object],
    peer: Callable[[], object],
    repeats: int = REPEATS,
    before: Callable[[], object] = lambda: None,
) -> float:
    """The median over several rounds of work's seconds divided by its peer's, the two timed in turn."""
    return statistics.median(seconds(work, before) / seconds(peer, before) for _ in range(repeats))


def alone(work: Callable[..., object], *given: Any, ready: Callable[[], None] | None = None) -> tuple[float, int]:
    """Seconds of one call, and the highest resident memory of the process of its own that it runs in, in bytes.

    `ready` comes before it in that process, and is not timed.
    """
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=ready) as pool:
        return pool.submit(_measured, work, *given).result()


def _measured(work: Callable[..., object], *given: Any) -> tuple[float, int]:
    began = time.perf_counter()
    work(*given)
    took = time.perf_counter() - began
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return took, int(status["VmHWM"].split()[0]) * 1024  # Linux alone has it, and it is this process's own


def keep(figures: list[Figure]) -> Path:
    """Write the figures as JSON. Returns the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "figures.json"
    path.write_text(json.dumps([asdict(figure) | {"ok": figure.ok} for figure in figures], indent=1))
    return path
