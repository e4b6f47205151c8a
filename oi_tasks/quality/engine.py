"""Great Expectations, on pandas: runs a suite over a table, whole or in parts of bounded size."""

import gc
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import great_expectations as gx
import polars as pl
from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

from oi_tasks.errors import BadInput
from oi_tasks.quality import expectations  # noqa: F401  the types of our own expectations become known
from oi_tasks.quality.outcomes import Outcome, Tally
from oi_tasks.quality.suites import PARAMETERS, Suite

ROWS = 300_000
"""Rows judged at once, at most: three hundred thousand rows of boxes take about 0.12 GB."""

ENOUGH = ROWS // 2
"""Rows that need not wait for more: a run of a suite has a fixed cost of about 0.2 s, and rows that wait take room."""

MUCH = 100_000
"""Rows whose memory is worth looking for: that takes a tenth of a second, and longer in a process that holds much."""

SUMMARY = {"result_format": "SUMMARY", "partial_unexpected_count": 3}


class Engine:
    """One context of Great Expectations, with nothing written anywhere and no progress bars."""

    def __init__(self, parameters: Mapping[str, float]) -> None:
        self.parameters = {**PARAMETERS, **parameters}
        with quiet():
            nothing_written = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
            config = DataContextConfig(store_backend_defaults=nothing_written)
            self._context = gx.get_context(project_config=config, mode="ephemeral")
            self._context.variables.progress_bars = {"globally": False, "metric_calculations": False}
            self._source = self._context.data_sources.add_pandas("frames")

    def suite_run(self, suite: Suite) -> "SuiteRun":
        """A run of a suite, to be fed with the table. Raises BadInput for an expectation that cannot be built."""
        with quiet():
            batches = self._source.add_dataframe_asset(suite.name).add_batch_definition_whole_dataframe("part")
            built = self._context.suites.add(gx.ExpectationSuite(suite.name, expectations=_built(suite)))
            definition = gx.ValidationDefinition(name=suite.name, data=batches, suite=built)
            return SuiteRun(suite, self._context.validation_definitions.add(definition), self.parameters)


class SuiteRun:
    """A suite that is fed with a table, part by part, and then asked how it came out."""

    def __init__(self, suite: Suite, definition: Any, parameters: dict[str, float]) -> None:
        self.suite, self._definition, self.parameters = suite, definition, parameters
        self._tallies = [Tally(expectation) for expectation in suite.expectations]
        self._waiting: list[pl.DataFrame] = []
        self._ran = False

    def feed(self, frame: pl.DataFrame) -> None:
        """Take in rows. A table judged in parts runs as soon as enough are there, the others at the end."""
        self._waiting.append(frame.select(_named(self.suite, frame)) if self.suite.by_parts else frame)
        if self.suite.by_parts and sum(part.height for part in self._waiting) >= ENOUGH:
            self._run_waiting()

    def tallies(self) -> list[Tally]:
        """What was said of each expectation on all that was fed, in the suite's order."""
        if self._waiting and (any(part.height for part in self._waiting) or not self._ran):
            self._run_waiting()
        return self._tallies

    def merge(self, tallies: Sequence[Tally]) -> None:
        """Take in what another run of the suite was told of other rows of the table."""
        for own, other in zip(self._tallies, tallies, strict=True):
            own.merge(other)
        self._ran = self._ran or any(tally.results or tally.error for tally in tallies)

    def outcomes(self) -> list[Outcome]:
        """How each expectation came out on all that was fed, in the suite's order; skipped if nothing was."""
        if not self._waiting and not self._ran:
            return [Outcome(self.suite.name, tally.expectation, "skipped") for tally in self._tallies]
        self.tallies()
        return [tally.outcome(self.suite.name, self.parameters) for tally in self._tallies]

    def _run_waiting(self) -> None:
        table, self._waiting, self._ran = pl.concat(self._waiting), [], True
        for part in table.iter_slices(ROWS if self.suite.by_parts else max(1, table.height)):
            self._run(part)
        if not table.height:
            self._run(table)

    def _run(self, part: pl.DataFrame) -> None:
        try:
            with quiet():
                said = self._definition.run(
                    batch_parameters={"dataframe": part.to_pandas()},
                    expectation_parameters=self.parameters,
                    result_format=SUMMARY,
                )
        except Exception as error:  # whatever it is, the table was not judged, and that is the finding
            for tally in self._tallies:
                tally.error = tally.error or f"{type(error).__name__}: {' '.join(str(error).split())}"
            return
        for result in said.results:
            self._tallies[result.expectation_config.meta["place"]].add(result.to_json_dict())
        del said
        if part.height >= MUCH:  # a run refers to itself, and holds the frame: 0.3 GB for a million boxes until found
            gc.collect()


def _built(suite: Suite) -> Iterator[Any]:
    for place, expectation in enumerate(suite.expectations):
        try:
            (built,) = gx.ExpectationSuite(
                suite.name,
                expectations=[
                    {
                        "type": expectation.type,
                        "kwargs": expectation.kwargs,
                        "severity": expectation.severity,
                        "meta": {"place": place},
                    }
                ],
            ).expectations
        except Exception as error:  # GX raises its own pydantic's errors, and others, for what it cannot build
            reason = " ".join(str(error).split())[:300]
            where = f"{suite.name}.json, expectation {place + 1}: {expectation.meta.code}"
            raise BadInput(
                f"Great Expectations cannot use {expectation.type}: {reason}", where, code="expectations"
            ) from None
        yield built


def _named(suite: Suite, frame: pl.DataFrame) -> list[str]:
    """The frame's columns that some expectation of the suite names, the first one at least."""
    words = {word for expectation in suite.expectations for word in _texts(expectation.kwargs)}
    return [name for name in frame.columns if name in words] or frame.columns[:1]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for below in value.values():
            yield from _texts(below)
    elif isinstance(value, list):
        for below in value:
            yield from _texts(below)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings and log lines of Great Expectations and pandas out of the job's log."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
