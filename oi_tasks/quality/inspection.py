"""The judgement of one snapshot: every table through its suite and its row rules, boxes part by part.

What keeps the rules goes on, in files of the same form; what breaks one is set apart with the reason. No row is lost:
rows in and added equal rows out and set apart, which is checked.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from oi_tasks.quality import forms
from oi_tasks.quality.drift import Facts, drift_table, facts_of
from oi_tasks.quality.engine import Engine
from oi_tasks.quality.findings import UNREADABLE, TableJudged
from oi_tasks.quality.partitions import Partitions, judge_side_by_side
from oi_tasks.quality.rows import EXAMPLES
from oi_tasks.quality.suites import Suite
from oi_tasks.quality.table import Derive, TableInspection

LIST = "photo_list.parquet"


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
        self._files, self._out, self._scratch, self._quarantine = files, out, scratch, scratch / "quarantine"
        self._suites, self._parameters = suites, engine.parameters
        self._log = log
        self.before: Facts | None = None  # of the last accepted snapshot
        self.facts: Facts | None = None  # of this one, when it has been judged; None if it cannot be read
        self.least = 0  # rows from which on a label's growth is judged
        self.workers: int | None = None  # processes for the boxes; None: as many as are worth it
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
        self._drift()
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
        """Judge the boxes, which are many: their partitions side by side."""
        (self._out / "boxes").mkdir()
        partitions = Partitions(
            number=0,
            suite=self._suites["boxes"],
            parameters=self._parameters,
            files={name: self._files[name] for name in sorted(self._files) if name.startswith("boxes/")},
            status=self._kept("status", status),
            known=self._kept("known", None if known is None else known.to_frame("LabelName")),
            image_labels=self._out / "image_labels.parquet",
            out=self._out,
            quarantine=self._quarantine,
        )
        for judged, tallies in judge_side_by_side(partitions, self.workers):
            self.tables["boxes"].take_part(judged, tallies)

    def _kept(self, name: str, table: pl.DataFrame | None) -> Path | None:
        if table is None:
            return None
        table.write_parquet(self._scratch / f"{name}.parquet")
        return self._scratch / f"{name}.parquet"

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

    def _drift(self) -> None:
        """Judge what has changed since the last accepted snapshot, if there is one and all tables can be read."""
        if any(table.judged.faults for table in self.tables.values()):
            return
        self.facts = facts_of(self._out)
        if self.before is not None:
            self.tables["drift"].feed(drift_table(self.facts, self.before, self.least))

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
