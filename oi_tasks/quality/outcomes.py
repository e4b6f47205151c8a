"""How an expectation came out, put together exactly from the parts of a table that it was judged on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from oi_tasks.quality.suites import Expectation

Status = Literal["passed", "failed", "raised", "skipped"]


@dataclass(frozen=True)
class Outcome:
    """One expectation: how it came out, and what was observed.

    `checked` rows were judged and `failing` of them broke it; both are None for an expectation on the whole table,
    which has an `observed` value in their place.
    """

    suite: str
    expectation: Expectation
    status: Status
    checked: int | None = None
    failing: int | None = None
    observed: Any = None
    examples: tuple[dict[str, Any], ...] = ()
    error: str = ""

    @property
    def share(self) -> float | None:
        """Share of the judged rows that broke it."""
        if self.checked is None or self.failing is None:
            return None
        return self.failing / self.checked if self.checked else 0.0


@dataclass
class Tally:
    """What Great Expectations said of one expectation, part by part."""

    expectation: Expectation
    results: list[Mapping[str, Any]] = field(default_factory=list)
    successes: list[bool] = field(default_factory=list)
    error: str = ""

    def add(self, said: Mapping[str, Any]) -> None:
        """Take in one validation result, as JSON."""
        error = raised(said["exception_info"])
        if error:
            self.error = self.error or error
        else:
            self.results.append(said["result"])
            self.successes.append(bool(said["success"]))

    def merge(self, other: "Tally") -> None:
        """Take in what was said on other parts of the table."""
        self.results += other.results
        self.successes += other.successes
        self.error = self.error or other.error

    def outcome(self, suite: str, parameters: Mapping[str, float]) -> Outcome:
        """The whole. What raised on one part has raised; what was never judged has raised too."""
        if self.error or not self.results:
            return Outcome(suite, self.expectation, "raised", error=self.error or "it gave no result")
        if not self.expectation.mapped:
            result = self.results[-1]
            examples = tuple(result.get("details", {}).get("examples", ()))
            status: Status = "passed" if all(self.successes) else "failed"
            return Outcome(suite, self.expectation, status, observed=result.get("observed_value"), examples=examples)
        checked = sum(result["element_count"] - result.get("missing_count", 0) for result in self.results)
        failing = sum(result["unexpected_count"] for result in self.results)
        held = all(self.successes) if len(self.successes) == 1 else holds(checked, failing, self._mostly(parameters))
        return Outcome(suite, self.expectation, "passed" if held else "failed", checked=checked, failing=failing)

    def _mostly(self, parameters: Mapping[str, float]) -> float:
        given = self.expectation.kwargs.get("mostly", 1.0)
        return float(parameters[given["$PARAMETER"]] if isinstance(given, dict) else given)


def holds(checked: int, failing: int, mostly: float) -> bool:
    """Whether enough rows kept an expectation: the rule of Great Expectations, to the last bit."""
    return checked == 0 or (float(checked) - float(failing)) / float(checked) >= mostly


def raised(info: Mapping[str, Any]) -> str:
    """The error in a result's `exception_info`, in one line; empty if there is none.

    The information stands either at the top or below the name of each metric that failed.
    """
    if "raised_exception" in info:
        if not info["raised_exception"]:
            return ""
        return " ".join(str(info.get("exception_message") or "it raised an error").split())
    return next((text for text in map(raised, info.values()) if text), "")
