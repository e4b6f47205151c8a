"""The judgement of one table: through its suite, its row rules and its form, part by part."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from oi_tasks.errors import OiError
from oi_tasks.quality import forms
from oi_tasks.quality.engine import SuiteRun
from oi_tasks.quality.findings import TableJudged
from oi_tasks.quality.outcomes import Tally
from oi_tasks.quality.rows import judge_rows, quarantined, row_rules
from oi_tasks.quality.suites import Suite

Derive = Callable[[pl.DataFrame], pl.DataFrame]


class TableInspection:
    """One table on its way through its suite, its row rules and its form."""

    def __init__(self, suite: Suite, run: SuiteRun, quarantine: Path, number: int = 0) -> None:
        """`number` tells inspections of the same table apart, where several share its partitions."""
        self.judged = TableJudged(suite.name)
        self._rules, self._run, self._quarantine = row_rules(suite, run.parameters), run, quarantine
        self._number, self._parts = number, 0

    def take(self, frame: pl.DataFrame, derive: Derive) -> pl.DataFrame:
        """Judge a part of the table. Returns the rows that go on, in the table's own columns."""
        table, judged = self.judged.name, self.judged
        form = pl.Schema(forms.FORMS[table])
        judged.rows_in += frame.height
        faults = forms.form_faults(table, frame)
        frame = frame.with_row_index("row")
        if faults:
            judged.faults += faults
            apart = quarantined(table, frame, pl.lit(faults[0].code))
            judged.tally.set_all_apart(apart, faults[0].code)
            self._set_apart(apart)
            return pl.DataFrame(schema=form)
        prepared = derive(forms.without_nan(frame.select(*form, "row").cast(form)))
        self._run.feed(prepared)
        part = judge_rows(table, prepared, self._rules)
        judged.tally.add(part)
        judged.rows_out += part.clean.height
        self._set_apart(part.quarantine)
        return part.clean.select(form.names())

    def feed(self, frame: pl.DataFrame) -> None:
        """Judge a table that was put together for its suite alone: nothing of it goes on, or is set apart."""
        self._run.feed(frame)
        self.judged.tally.add(judge_rows(self.judged.name, frame, self._rules))

    def part(self) -> tuple[TableJudged, list[Tally]]:
        """All that was found so far, to be taken in by another inspection of the same table."""
        return self.judged, self._run.tallies()

    def take_part(self, judged: TableJudged, tallies: Sequence[Tally]) -> None:
        """Take in what another inspection found in other rows of the table."""
        self.judged.add(judged)
        self._run.merge(tallies)

    def finish(self) -> TableJudged:
        """All that was found. Raises OiError if a row was lost."""
        judged = self.judged
        judged.outcomes = [
            replace(outcome, status="raised", error=judged.tally.errors[place])
            if place in judged.tally.errors and outcome.status != "raised"
            else outcome
            for place, outcome in enumerate(self._run.outcomes())
        ]
        apart = judged.tally.reasons.total()
        if judged.rows_in + judged.added != judged.rows_out + apart:
            lost = f"{judged.rows_in} rows in and {judged.added} added are not {judged.rows_out} out and {apart} apart"
            raise OiError(f"{judged.name}: {lost}", code="rows_lost")
        return judged

    def _set_apart(self, rows: pl.DataFrame) -> None:
        if rows.height:
            rows.write_parquet(self._quarantine / f"{self.judged.name}-{self._number:02d}-{self._parts:05d}.parquet")
            self._parts += 1
