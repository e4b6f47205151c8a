"""Row by row: which rows break which expectation, and which are set apart, for what reason."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from oi_tasks.quality.forms import QUARANTINE
from oi_tasks.quality.suites import Suite, with_parameters

EXAMPLES = 20
IDS = ("ImageID", "LabelName")
SIDES = ("XMin", "XMax", "YMin", "YMax")
"""Of a box, always shown: the page draws it."""
REASON, CODE = "reason__", "code__"
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class RowRule:
    """Which rows break an expectation, and whether they are set apart. `place` is the expectation's in its suite."""

    place: int
    code: str
    broken: pl.Expr
    set_apart: bool
    reason: pl.Expr
    shows: tuple[str, ...]
    told: bool = True


def row_rules(suite: Suite, parameters: Mapping[str, float]) -> list[RowRule]:
    """The rules of a suite: one for each expectation that tells its rows in SQL."""
    return [
        RowRule(
            place,
            meta.code,
            pl.sql_expr(with_parameters(meta.rows, parameters)),
            meta.set_apart,
            pl.sql_expr(meta.reason) if meta.reason else pl.lit(meta.code),
            meta.shows,
            not meta.consequence,
        )
        for place, meta in enumerate(expectation.meta for expectation in suite.expectations)
        if meta.rows
    ]


@dataclass(frozen=True)
class Judged:
    """A part of a table, parted: what goes on, what is set apart, and what was counted on the way."""

    clean: pl.DataFrame
    quarantine: pl.DataFrame
    broken: dict[int, int]  # rows that break the expectation, by its place
    by_code: dict[str, int]  # rows that are told under this code
    examples: dict[str, Rows]  # some of them
    apart: dict[str, Rows]  # some of the rows set apart, by reason
    errors: dict[int, str]  # rules that raised, by place


def judge_rows(table: str, frame: pl.DataFrame, rules: Sequence[RowRule]) -> Judged:
    """Part a table's rows by its rules. The frame has the columns that the rules speak of, and may have `row`.

    A row that breaks several rules is set apart for the first one, and is told under that one's code alone: a box that
    lies outside its photo need not be told of as one without width too. Where a rule cannot tell (a value is missing),
    the row keeps it.
    """
    masks, errors = _masks(frame, rules)
    rules = [rule for rule in rules if rule.place not in errors]
    by_code: dict[str, list[RowRule]] = defaultdict(list)
    for rule in rules:
        if rule.told:
            by_code[rule.code].append(rule)
    setting_apart = [rule for rule in rules if rule.set_apart]
    marked = pl.concat([frame, masks], how="horizontal").with_columns(
        _first(setting_apart, lambda rule: rule.reason).alias(REASON),
        _first(setting_apart, lambda rule: pl.lit(rule.code)).alias(CODE),
    )
    apart = marked.filter(pl.col(REASON).is_not_null())
    breaking = {
        code: marked.filter(pl.any_horizontal(map(_mask, same)), pl.col(CODE).is_null() | (pl.col(CODE) == code))
        for code, same in by_code.items()
    }
    return Judged(
        clean=marked.filter(pl.col(REASON).is_null()).select(frame.columns),
        quarantine=quarantined(table, apart, pl.col(REASON)),
        broken={rule.place: int(masks[_name(rule)].sum()) for rule in rules},
        by_code={code: rows.height for code, rows in breaking.items() if rows.height},
        examples={code: _examples(rows, by_code[code]) for code, rows in breaking.items() if rows.height},
        apart={str(rows[REASON][0]): _examples(rows, setting_apart) for rows in apart.partition_by(REASON)},
        errors=errors,
    )


def quarantined(table: str, rows: pl.DataFrame, reason: pl.Expr) -> pl.DataFrame:
    """Rows in the form of the quarantine; where the table has no ImageID or LabelName, there is none."""
    own = [pl.col(name) if name in rows.columns else pl.lit(None).alias(name) for name in (*IDS, "row")]
    chosen = rows.select(pl.lit(table).alias("table"), *own, reason.alias("reason"))
    return chosen.cast(pl.Schema(QUARANTINE))


def _first(rules: Sequence[RowRule], text: Callable[[RowRule], pl.Expr]) -> pl.Expr:
    """What the first rule that a row breaks says."""
    if not rules:
        return pl.lit(None, dtype=pl.String)
    return pl.coalesce(pl.when(_mask(rule)).then(text(rule)) for rule in rules)


def _masks(frame: pl.DataFrame, rules: Sequence[RowRule]) -> tuple[pl.DataFrame, dict[int, str]]:
    """One column a rule, true where a row breaks it; and the rules that raised."""
    wanted = [rule.broken.fill_null(False).alias(_name(rule)) for rule in rules]
    try:
        return frame.select(wanted), {}
    except pl.exceptions.PolarsError:
        kept, errors = pl.DataFrame(height=frame.height), {}
        for rule, expression in zip(rules, wanted, strict=True):
            try:
                kept = pl.concat([kept, frame.select(expression)], how="horizontal")
            except pl.exceptions.PolarsError as error:
                errors[rule.place] = str(error).splitlines()[0]
        return kept, errors


def _name(rule: RowRule) -> str:
    return f"breaks__{rule.place}"


def _mask(rule: RowRule) -> pl.Expr:
    return pl.col(_name(rule))


def _examples(rows: pl.DataFrame, rules: Sequence[RowRule]) -> Rows:
    wanted = dict.fromkeys((*IDS, *SIDES, *(column for rule in rules for column in rule.shows), "row"))
    return rows.head(EXAMPLES).select(column for column in wanted if column in rows.columns).to_dicts()


@dataclass
class RowTally:
    """What was counted over all parts of a table."""

    broken: Counter[int] = field(default_factory=Counter)
    by_code: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Rows] = field(default_factory=lambda: defaultdict(list))
    reasons: Counter[str] = field(default_factory=Counter)
    apart: dict[str, Rows] = field(default_factory=lambda: defaultdict(list))
    errors: dict[int, str] = field(default_factory=dict)

    def add(self, judged: Judged) -> None:
        """Take in one part."""
        self.broken.update(judged.broken)
        self.by_code.update(judged.by_code)
        self.reasons.update(dict(judged.quarantine.group_by("reason").len().iter_rows()))
        self.errors.update(judged.errors)
        _extend(self.examples, judged.examples)
        _extend(self.apart, judged.apart)

    def merge(self, other: "RowTally") -> None:
        """Take in what was counted in other parts of the table."""
        self.broken.update(other.broken)
        self.by_code.update(other.by_code)
        self.reasons.update(other.reasons)
        self.errors.update(other.errors)
        _extend(self.examples, other.examples)
        _extend(self.apart, other.apart)

    def set_all_apart(self, rows: pl.DataFrame, reason: str) -> None:
        """Take in a part that could not be judged at all; `rows` are in the form of the quarantine."""
        self.reasons[reason] += rows.height
        _extend(self.apart, {reason: rows.head(EXAMPLES).drop("table", "reason").to_dicts()})


def _extend(kept: dict[str, Rows], more: Mapping[str, Rows]) -> None:
    for name, rows in more.items():
        kept[name] = [*kept[name], *rows][:EXAMPLES]
