"""Judge a snapshot with Great Expectations, and set apart what breaks a rule."""

import json
from typing import Any, ClassVar, Self

from oi_tasks.io.accepted import AcceptedSnapshots
from oi_tasks.io.outputs import Output
from oi_tasks.io.store import RAW, REPORTS, photo_key
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Drift, Profile, Share

PLAIN = ("edges", "descriptions", "image_labels", "unreadable")


class Validate(Job):
    """Judge a snapshot with Great Expectations, and set apart what breaks a rule.

    Publishes the clean tables (`boxes/{0..f}.parquet`, `image_labels.parquet`, `edges.parquet`, `descriptions.parquet`,
    `photos.parquet`), `quarantine.parquet`, `quality.json` and `quality.html`, and the page in the bucket of reports.
    It says what it finds and stops nothing: the data gate does. `line` names the line of snapshots, such as a
    profile's, of which the last accepted one is compared with this; without it nothing is compared.
    """

    version: ClassVar[str] = "3"
    snapshot: OutputId
    mostly: Share = 0.999
    max_quarantined: Share = 0.001
    drift: Drift = Drift()
    line: str = ""

    class Result(JobResult):
        """The verdict in short; `quality.json` has all of it."""

        verdict: str
        critical: int
        warnings: int
        quarantined_share: float
        rows: dict[str, dict[str, int]]
        report: str

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's thresholds."""
        quality = profile.quality
        asked = {"mostly": quality.mostly, "max_quarantined": quality.max_quarantined, "drift": quality.drift}
        return cls(**{**asked, "line": profile.name, **inputs})

    def source(self, io: JobIO) -> Any:
        """The suites, and the last accepted snapshot: with another one it is another judgement."""
        from oi_tasks.quality.suites import expectations_folder, fingerprints

        against = [one["snapshot"] for one in self._accepted(io)[-1:]]
        return fingerprints(expectations_folder()) | {"against": against}

    def _accepted(self, io: JobIO) -> list[dict[str, Any]]:
        """The snapshots of the line that were accepted before this one, oldest first."""
        return AcceptedSnapshots(io.store, self.line).before(self.snapshot) if self.line else []

    def still_good(self, io: JobIO, output: Output) -> bool:
        """Whether the page is still where people look for it."""
        report: str = output.result["report"]
        return io.store.exists(REPORTS, report.removeprefix(f"{REPORTS}/"))

    def _page(self, io: JobIO) -> str:
        """By the key: another profile may judge the same snapshot otherwise."""
        return f"quality/{io.key}.html"

    def run(self, io: JobIO) -> Result:
        """Judge every table, write what goes on and what does not, and the page. Raises BadInput for a bad suite."""
        import polars as pl

        from oi_tasks.quality.engine import Engine
        from oi_tasks.quality.inspection import SnapshotInspection
        from oi_tasks.quality.suites import expectations_folder, load_suites
        from oi_tasks.quality.summary import names_of_examples, plain, summarise
        from oi_tasks.reports.quality import quality_page

        parts = io.input("snapshot", self.snapshot).read_json("snapshot.json")["outputs"]
        tables, photos = io.input("tables", parts["tables"]), io.input("photos", parts["photos"])
        names = [*(f"{name}.parquet" for name in PLAIN), *tables.names("boxes/"), *tables.names("photo_list")]
        files = {name: tables.local(name) for name in names} | {"photos.parquet": photos.local("photos.parquet")}
        if photos.manifest.fields.get("labels") or photos.manifest.fields.get("per_label"):
            from oi_tasks.io.photo_choice import only_of_photos

            files = only_of_photos(files, files["photos.parquet"], io.scratch / "taken")
        parameters = {"mostly": self.mostly, "max_quarantined": self.max_quarantined, **drift_parameters(self.drift)}
        inspection = SnapshotInspection(
            files, load_suites(expectations_folder()), Engine(parameters), io.out, io.scratch, io.log
        )
        accepted = self._accepted(io)
        inspection.least = self.drift.label_rows
        inspection.before = accepted[-1]["facts"] if accepted else None
        quality = summarise(self.snapshot, parameters, inspection.run())
        quality |= {"line": self.line, "facts": inspection.facts, "history": history(accepted)}
        quality["names"] = names_of_examples(quality, io.out / "descriptions.parquet")
        (io.out / "quality.json").write_text(json.dumps(plain(quality), indent=1, allow_nan=False))
        known = pl.read_parquet(files["photos.parquet"]).drop_nulls("sha256")
        stored = dict(known.select("ImageID", "sha256").iter_rows())

        def photo(image_id: str) -> bytes | None:
            """What the store has of a photo: good ones only are kept."""
            key = photo_key(stored.get(image_id, ""))
            return io.store.get_bytes(RAW, key) if image_id in stored and io.store.exists(RAW, key) else None

        page = quality_page(quality, photo)
        (io.out / "quality.html").write_text(page, encoding="utf-8")
        io.store.put_bytes(REPORTS, self._page(io), page.encode(), "text/html; charset=utf-8")
        return self._result(quality, self._page(io))

    def _result(self, quality: dict[str, Any], page: str) -> Result:
        severities = [finding["severity"] for finding in quality["findings"]]
        return self.Result(
            verdict=quality["verdict"],
            critical=severities.count("critical"),
            warnings=severities.count("warning"),
            quarantined_share=quality["quarantined_share"],
            rows=quality["rows"],
            report=f"{REPORTS}/{page}",
        )


def drift_parameters(drift: Drift) -> dict[str, float]:
    """The limits of drift under the names that the suite knows them by."""
    return {"drift_rows": drift.rows, "drift_psi": drift.psi, "drift_growth": drift.label_growth}


def history(accepted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the page shows of earlier snapshots, oldest first."""
    return [
        {name: one[name] for name in ("snapshot", "at", "quarantined", "findings")} | {"rows": one["facts"]["rows"]}
        for one in accepted
    ]
