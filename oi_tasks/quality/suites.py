"""The suites of expectations: one JSON file a table, which a data owner can read and change without touching code.

A file is a Great Expectations suite. What it says of each expectation in `meta` is ours:

- `code` names the finding, `what` is its heading, `why` it matters and what to `do` are for people
- `rows` tells in SQL which rows break it: they are counted a second time that way, and shown as examples
- `set_apart` true puts those rows into the quarantine, for `reason` (SQL; the code, when it is left out)
- `shows` names more columns to show of an example
- `consequence` true: what breaks it follows from another finding, and is no finding of its own
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from oi_tasks.core.fingerprint import sha256_of_file
from oi_tasks.errors import BadInput
from oi_tasks.profile import describe
from oi_tasks.quality.forms import FORMS, judged_form

Severity = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
SUITES = (*FORMS, "across_tables", "drift")
PARAMETERS = {"mostly": 0.999, "max_quarantined": 0.001, "drift_rows": 0.5, "drift_psi": 0.2, "drift_growth": 2.0}
"""What an expectation can leave to the profile, as `{"$PARAMETER": "mostly"}`, in its `rows` as `$mostly`."""
BY_PARTS = ("boxes", "image_labels")
"""Tables that are judged in parts: their results are put together exactly, which only counts of rows allow."""

MAPPED = ("expect_column_values_", "expect_column_pair_values_", "expect_multicolumn_values_")
NOT_BY_PARTS = ("unique", "increasing", "decreasing")
Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Meta(_Part):
    """What people are told, and which rows break the expectation."""

    code: Code
    what: str
    why: str
    do: str
    rows: str = ""
    set_apart: bool = False
    reason: str = ""
    shows: tuple[str, ...] = ()
    consequence: bool = False

    @model_validator(mode="after")
    def _complete(self) -> "Meta":
        if self.set_apart and not self.rows:
            raise ValueError("set_apart needs rows: the SQL that tells which")
        return self


class Expectation(_Part):
    """One expectation, as Great Expectations knows it, with its meaning."""

    type: str
    kwargs: dict[str, Any]
    severity: Severity
    meta: Meta

    @property
    def mapped(self) -> bool:
        """Whether it judges rows one by one."""
        return self.type.startswith(MAPPED)


class SuiteMeta(_Part):
    """What the table is, and the columns that were worked out for it."""

    about: str
    columns: dict[str, str]


class Suite(_Part):
    """The expectations on one table."""

    name: str
    meta: SuiteMeta
    expectations: tuple[Expectation, ...]

    @property
    def by_parts(self) -> bool:
        """Whether the table is judged in parts."""
        return self.name in BY_PARTS


def expectations_folder() -> Path:
    """The folder of the suites: `OI_EXPECTATIONS`, or the one beside the package. Raises BadInput for none."""
    folder = Path(os.environ.get("OI_EXPECTATIONS") or Path(__file__).parents[2] / "expectations")
    if not folder.is_dir():
        raise BadInput(
            "there is no folder of expectations", str(folder), "name one in OI_EXPECTATIONS", code="expectations"
        )
    return folder


def fingerprints(folder: Path) -> dict[str, str]:
    """The sha256 of each suite's file, by name."""
    return {path.name: sha256_of_file(path) for path in sorted(folder.glob("*.json"))}


def load_suites(folder: Path) -> dict[str, Suite]:
    """All suites by table. Raises BadInput naming the file, the expectation and what is wrong with it."""
    return {name: _load(folder / f"{name}.json") for name in SUITES}


def _load(path: Path) -> Suite:
    try:
        suite = Suite.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise BadInput("a suite of expectations is missing", where=str(path), code="expectations") from None
    except json.JSONDecodeError as error:
        raise BadInput(f"the suite is not JSON: {error}", where=str(path), code="expectations") from None
    except ValidationError as error:
        raise BadInput(f"the suite cannot be read: {describe(error)}", where=str(path), code="expectations") from None
    if suite.name != path.stem:
        raise BadInput(
            f"the suite is named {suite.name!r}, its file {path.stem!r}", where=str(path), code="expectations"
        )
    for number, expectation in enumerate(suite.expectations, start=1):
        fault = next(_faults(suite, expectation), None)
        if fault is not None:
            raise BadInput(fault, where=f"{path}, expectation {number}: {expectation.meta.code}", code="expectations")
    return suite


def _faults(suite: Suite, expectation: Expectation) -> Iterator[str]:
    """What is wrong with an expectation, before any data is seen."""
    form, meta = judged_form(suite.name), expectation.meta
    for name in _parameters(expectation.kwargs):
        if name not in PARAMETERS:
            yield f"there is no parameter {name!r}, only {' and '.join(PARAMETERS)}"
    if suite.by_parts and (not expectation.mapped or any(word in expectation.type for word in NOT_BY_PARTS)):
        yield f"{expectation.type} needs the whole table, and {suite.name} is judged in parts"
    for column in meta.shows:
        if column not in form:
            yield f"shows: there is no column {column!r}"
    empty = pl.DataFrame(schema=dict(form))
    for field, kind in (("rows", pl.Boolean()), ("reason", pl.String())):
        text = getattr(meta, field)
        try:
            if text and empty.select(pl.sql_expr(with_parameters(text, PARAMETERS)).alias(field)).schema[field] != kind:
                yield f"{field}: {text!r} gives no {'yes or no' if field == 'rows' else 'text'}"
        except pl.exceptions.PolarsError as error:
            yield f"{field}: {text!r} cannot be used: {str(error).splitlines()[0]}"


def with_parameters(text: str, parameters: Mapping[str, float]) -> str:
    """SQL with the numbers that stand for `$mostly` and the like; a name that is none stays, and is no SQL."""
    return re.sub(r"\$([a-z_]+)", lambda name: str(parameters.get(name[1], name[0])), text)


def _parameters(value: Any) -> Iterator[str]:
    """The names after `$PARAMETER`, however deep they stand."""
    if isinstance(value, dict):
        if "$PARAMETER" in value:
            yield str(value["$PARAMETER"])
        for below in value.values():
            yield from _parameters(below)
    elif isinstance(value, list):
        for below in value:
            yield from _parameters(below)
