"""Findings: what people are told about a snapshot, one for each code, worst first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from oi_tasks.quality.forms import FormFault
from oi_tasks.quality.outcomes import Outcome
from oi_tasks.quality.rows import EXAMPLES, Rows, RowTally
from oi_tasks.quality.suites import SEVERITIES, Severity

UNREADABLE = "line_unreadable"


class Finding(BaseModel):
    """One thing that was found. `count` counts rows, or what the heading names, in all `tables` together.

    `held`: so few that the expectations still hold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")
    code: str
    severity: Severity
    held: bool
    what: str
    count: int
    tables: dict[str, int]
    examples: tuple[dict[str, Any], ...]
    why: str
    do: str


@dataclass(frozen=True)
class Text:
    """What people are told about a finding, and how bad it is."""

    severity: Severity
    what: str
    why: str
    do: str


OWN: dict[str, Text] = {
    "missing_column": Text(
        "critical",
        "Tables that lack a column",
        "Nothing about the table can be judged or trusted without it; all its rows are set apart.",
        "Check the form of the release's file, and whether the step that reads it has changed.",
    ),
    "wrong_type": Text(
        "critical",
        "Columns that hold something else than they must",
        "Nothing about the table can be judged or trusted; all its rows are set apart.",
        "Check the form of the release's file, and whether the step that reads it has changed.",
    ),
    "check_raised": Text(
        "critical",
        "Expectations that could not be checked",
        "What was not checked may be wrong without anyone knowing, so it counts as the worst.",
        "Read the error: mostly the expectation names a column that the table does not have.",
    ),
    "check_disagrees": Text(
        "critical",
        "Expectations that two engines count differently",
        "Great Expectations and the expectation's `rows` must name the same rows; one of them says the wrong thing.",
        "Correct the expectation's kwargs, or its `rows`, in the suite.",
    ),
    UNREADABLE: Text(
        "warning",
        "Lines of the release's files that could not be read",
        "A line with too few values, or with text in place of a number, says nothing; it is set apart.",
        "Look at the lines. If there are many, the file was cut off, or its form has changed.",
    ),
}


@dataclass
class TableJudged:
    """All that was found in one table."""

    name: str
    outcomes: list[Outcome] = field(default_factory=list)
    tally: RowTally = field(default_factory=RowTally)
    faults: list[FormFault] = field(default_factory=list)
    rows_in: int = 0
    rows_out: int = 0
    added: int = 0

    def add(self, other: "TableJudged") -> None:
        """Take in what was found in other rows of the table."""
        self.tally.merge(other.tally)
        self.faults += other.faults
        self.rows_in += other.rows_in
        self.rows_out += other.rows_out
        self.added += other.added


def find(tables: Sequence[TableJudged]) -> list[Finding]:
    """The findings of all tables, worst first; findings with one code in several tables are one."""
    found: list[Finding] = []
    for table in tables:
        found += [_own(code, table.name, rows) for code, rows in _form_rows(table.faults).items()]
        for codes in _by_code(table.outcomes).values():
            found += _of_code(table, codes)
        found += [_own("check_raised", table.name, [_raised(one)]) for one in table.outcomes if one.status == "raised"]
        found += [_own("check_disagrees", table.name, [row]) for row in disagreements(table)]
        unreadable = table.tally.reasons[UNREADABLE]
        if unreadable:
            found.append(_own(UNREADABLE, table.name, table.tally.apart[UNREADABLE], unreadable))
    return sorted(_merged(found), key=lambda one: (SEVERITIES.index(one.severity), -one.count, one.code))


def disagreements(table: TableJudged) -> Rows:
    """Expectations of which Great Expectations and the row rules count different numbers of rows."""
    return [
        {"expectation": _called(outcome), "great_expectations": outcome.failing, "rows": table.tally.broken[place]}
        for place, outcome in enumerate(table.outcomes)
        if outcome.status in ("passed", "failed")
        and place in table.tally.broken
        and outcome.expectation.mapped
        and outcome.failing != table.tally.broken[place]
    ]


def _of_code(table: TableJudged, outcomes: Sequence[Outcome]) -> list[Finding]:
    """The finding of the expectations with one code in one table, if any row broke them.

    What stays within an expectation's `mostly` is told as info.
    """
    code = outcomes[0].expectation.meta.code
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    rows = table.tally.by_code.get(code, 0)
    if not rows and not any(_tells_alone(table, outcome) for outcome in outcomes):
        return []
    severities: list[Severity] = [one.expectation.severity for one in failed]
    count = rows or max((_count(outcome) for outcome in outcomes), default=0)
    examples = table.tally.examples.get(code) or [example for one in outcomes for example in one.examples]
    meta = outcomes[0].expectation.meta
    text = Text(min(severities, key=SEVERITIES.index, default="info"), meta.what, meta.why, meta.do)
    return [_finding(code, text, table.name, count, examples, held=not failed)]


def _tells_alone(table: TableJudged, outcome: Outcome) -> bool:
    """Whether a broken expectation is a finding without a row to tell of.

    That is one without row rules, and a critical one: where all rows that broke it are told under another code, it
    must still end the run.
    """
    broken = outcome.status == "failed" or bool(outcome.failing)
    return broken and (not outcome.expectation.meta.rows or outcome.expectation.severity == "critical")


def _count(outcome: Outcome) -> int:
    if outcome.failing is not None:
        return outcome.failing
    return outcome.observed if isinstance(outcome.observed, int) and outcome.examples else 1


def _own(code: str, table: str, examples: Rows, count: int | None = None) -> Finding:
    return _finding(code, OWN[code], table, len(examples) if count is None else count, examples)


def _finding(code: str, text: Text, table: str, count: int, examples: Rows, *, held: bool = False) -> Finding:
    return Finding(
        code=code,
        severity=text.severity,
        held=held,
        what=text.what,
        count=count,
        tables={table: count},
        examples=tuple({"table": table, **example} for example in examples[:EXAMPLES]),
        why=text.why,
        do=text.do,
    )


def _form_rows(faults: Iterable[FormFault]) -> Mapping[str, Rows]:
    rows: dict[str, Rows] = {}
    for fault in dict.fromkeys(faults):
        row = {"column": fault.column, "expected": fault.expected, "found": fault.found}
        rows.setdefault(fault.code, []).append(row)
    return rows


def _by_code(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    grouped: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.status in ("passed", "failed"):
            grouped.setdefault(outcome.expectation.meta.code, []).append(outcome)
    return grouped


def _raised(outcome: Outcome) -> dict[str, Any]:
    return {"expectation": _called(outcome), "error": outcome.error[:300]}


def _called(outcome: Outcome) -> str:
    column = outcome.expectation.kwargs.get("column")
    return f"{outcome.expectation.meta.code}: {outcome.expectation.type}" + (f" of {column}" if column else "")


def _merged(findings: Iterable[Finding]) -> list[Finding]:
    merged: dict[str, Finding] = {}
    for finding in findings:
        known = merged.get(finding.code)
        if known is not None:
            tables = dict(known.tables)
            for table, count in finding.tables.items():
                tables[table] = tables.get(table, 0) + count
            worst = min(known.severity, finding.severity, key=SEVERITIES.index)
            finding = known.model_copy(
                update={
                    "severity": worst,
                    "held": known.held and finding.held,
                    "tables": tables,
                    "count": sum(tables.values()),
                    "examples": (*known.examples, *finding.examples)[:EXAMPLES],
                }
            )
        merged[finding.code] = finding
    return list(merged.values())
