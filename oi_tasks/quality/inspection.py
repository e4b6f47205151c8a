"""The judgement of one snapshot: every table through its suite and its row rules, boxes part by part.

What keeps the rules goes on, in files of the same form; what breaks one is set apart with the reason. No row is lost:
rows in and added equal rows out and set apart, which is checked.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from oi_tasks.errors import OiError
from oi_tasks.quality import forms
from oi_tasks.quality.engine import Engine, SuiteRun
from oi_tasks.quality.findings import UNREADABLE, TableJudged
from oi_tasks.quality.rows import EXAMPLES, judge_rows, quarantined, row_rules
from oi_tasks.quality.suites import Suite

LIST = "photo_list.parquet"
Derive = Callable[[pl.DataFrame], pl.DataFrame]


class TableInspection:
    """One table on its way through its suite, its row rules and its form."""

    def __init__(self, suite: Suite, run: SuiteRun, quarantine: Path) -> None:
        self.judged = TableJudged(suite.name)
        self._rules, self._run, self._quarantine = row_rules(suite), run, quarantine
        self._parts = 0

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
            rows.write_parquet(self._quarantine / f"{self.judged.name}-{self._parts:05d}.parquet")
            self._parts += 1


class SnapshotInspection:
    """All tables of a snapshot, in the order in which one needs another.

    `files` has a Parquet file for each table, `boxes/{0..f}.parquet`, `unreadable.parquet` and, if the release has a
    list of its photos, `photo_list.parquet`; clean tables and `quarantine.parquet` are written below `out`,
    intermediate files below `scratch`.
    """

    def __init__(
        self,
        files: Mapping[str, Path],
        suites: Mapping[str, Suite],
        engine: Engine,
        out: Path,
        scratch: Path,
        log: Callable[[str], None],
    ) -> None:
        self._files, self._out, self._quarantine = files, out, scratch / "quarantine"
        self._log = log
        self._quarantine.mkdir()
        self.tables = {
            name: TableInspection(suite, engine.suite_run(suite), self._quarantine) for name, suite in suites.items()
        }

    def run(self) -> list[TableJudged]:
        """Judge everything and write what goes on."""
        edges = self._whole("edges", lambda frame: frame)
        described = self._whole("descriptions", described_rows)
        status = self._photos()
        known = self._known(edges, described)
        self._image_labels(status, known)
        self._boxes(status, known)
        self._across(edges, described)
        unreadable = self._unreadable()
        pl.scan_parquet(self._quarantine / "*.parquet").sink_parquet(self._out / "quarantine.parquet")
        return [*(self._finish(table) for table in self.tables.values()), unreadable]

    def _finish(self, table: TableInspection) -> TableJudged:
        judged = table.finish()
        held = sum(outcome.status == "passed" for outcome in judged.outcomes)
        rows = f"{judged.rows_in} rows in, {judged.rows_out} out, {judged.tally.reasons.total()} set apart; "
        expectations = f"{held} of {len(judged.outcomes)} expectations held"
        self._log(f"validate: {judged.name}: {rows if judged.rows_in else ''}{expectations}")
        return judged

    def _whole(self, name: str, derive: Derive) -> pl.DataFrame:
        """Take a whole table and write what goes on."""
        clean = self.tables[name].take(pl.read_parquet(self._files[f"{name}.parquet"]), derive)
        clean.write_parquet(self._out / f"{name}.parquet")
        return clean

    def _photos(self) -> pl.DataFrame | None:
        """Judge the photos. Returns ImageID, photo (good, or why it was set apart), width and height in pixels.

        None if they cannot be read.
        """
        listed = self._listed()

        def derive(frame: pl.DataFrame) -> pl.DataFrame:
            return forms.with_state(forms.with_repeated(frame, "ImageID"), listed)

        good = self._whole("photos", derive)
        if self.tables["photos"].judged.faults:
            return None
        parts = [pl.DataFrame(schema=pl.Schema(forms.QUARANTINE)), *self._set_apart_of("photos")]
        bad = pl.concat(parts).select("ImageID", photo="reason")
        found = good.select("ImageID", pl.lit("good").alias("photo"), "width", "height")
        return pl.concat([found, bad], how="diagonal").unique("ImageID", keep="first")

    def _listed(self) -> pl.DataFrame | None:
        """The release's list of photos, if it has one; a line of it that could not be read lists its photo, too."""
        listed = pl.read_parquet(self._files[LIST]).select("ImageID") if LIST in self._files else pl.DataFrame()
        if listed.is_empty():
            return None
        return pl.concat([listed, self._unreadable_ids("images").select(ImageID="id")])

    def _unreadable_ids(self, table: str) -> pl.DataFrame:
        """What stands first in each line of a file that could not be read."""
        lines = pl.read_parquet(self._files["unreadable.parquet"]).filter(pl.col("table") == table)
        return lines.select(id=pl.col("text").str.split(",").list.first())

    def _known(self, edges: pl.DataFrame, described: pl.DataFrame) -> pl.Series | None:
        """All MIDs that the hierarchy or the descriptions name; None if either cannot be read."""
        if self.tables["edges"].judged.faults or self.tables["descriptions"].judged.faults:
            return None
        return pl.concat([edges["parent"], edges["child"], described["LabelName"]]).unique()

    def _image_labels(self, status: pl.DataFrame | None, known: pl.Series | None) -> None:
        def derive(frame: pl.DataFrame) -> pl.DataFrame:
            repeated = forms.with_repeated(frame, *forms.FORMS["image_labels"])
            return forms.with_contradicted(forms.with_photo_and_label(repeated, status, known)).drop("width", "height")

        self._whole("image_labels", derive)

    def _boxes(self, status: pl.DataFrame | None, known: pl.Series | None) -> None:
        """Judge the boxes one partition at a time, which bounds memory."""
        (self._out / "boxes").mkdir()
        absent = forms.verified_absent(pl.scan_parquet(self._out / "image_labels.parquet"))

        def derive(frame: pl.DataFrame) -> pl.DataFrame:
            repeated = forms.with_repeated(frame, *forms.BOX)
            return forms.with_thin(forms.with_denied(forms.with_photo_and_label(repeated, status, known), absent))

        for name in sorted(name for name in self._files if name.startswith("boxes/")):
            self.tables["boxes"].take(pl.read_parquet(self._files[name]), derive).write_parquet(self._out / name)

    def _across(self, edges: pl.DataFrame, described: pl.DataFrame) -> None:
        """Judge labels across the tables, if all can be read; what has no description is named by its MID."""
        counts = {
            "boxes": pl.scan_parquet(self._out / "boxes" / "*.parquet"),
            "image_labels": pl.scan_parquet(self._out / "image_labels.parquet"),
        }
        labels = forms.label_table(edges, described, counts)
        if not any(table.judged.faults for table in self.tables.values()):
            garbled = self._unreadable_ids("descriptions")["id"]  # told of as lines that could not be read
            unknown = (pl.col("place") == "undescribed") & pl.col("LabelName").is_in(garbled.implode())
            place = pl.when(unknown).then(pl.lit("used")).otherwise("place")
            self.tables["across_tables"].feed(labels.with_columns(place=place))
        nameless = pl.col("place").is_in(["undescribed", "nameless_root"])
        undescribed = labels.filter(nameless).select("LabelName", DisplayName="LabelName")
        descriptions = self.tables["descriptions"].judged
        descriptions.added += undescribed.height
        descriptions.rows_out += undescribed.height
        pl.concat([described, undescribed]).write_parquet(self._out / "descriptions.parquet")

    def _unreadable(self) -> TableJudged:
        """Set apart the lines that could not be read: `table` is the file's, `row` its line."""
        lines = pl.read_parquet(self._files["unreadable.parquet"])
        apart = lines.select("table", ImageID=None, LabelName=None, row="line", reason=pl.lit(UNREADABLE))
        apart.cast(pl.Schema(forms.QUARANTINE)).write_parquet(self._quarantine / "unreadable.parquet")
        judged = TableJudged("unreadable", rows_in=lines.height)
        judged.tally.reasons[UNREADABLE] = lines.height
        judged.tally.apart[UNREADABLE] = lines.head(EXAMPLES).rename({"table": "file"}).to_dicts()
        return judged

    def _set_apart_of(self, table: str) -> list[pl.DataFrame]:
        return [pl.read_parquet(path) for path in sorted(self._quarantine.glob(f"{table}-*.parquet"))]


def described_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Descriptions with what is worked out for their suite."""
    return forms.with_shared(forms.with_repeated(frame, "LabelName"))
