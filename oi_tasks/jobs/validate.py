"""Judge a snapshot with Great Expectations, and set apart what breaks a rule."""

import json
from typing import Any, ClassVar, Self

from oi_tasks.io.outputs import Output
from oi_tasks.io.store import REPORTS
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Profile, Share

PLAIN = ("edges", "descriptions", "image_labels", "unreadable")


class Validate(Job):
    """Judge a snapshot with Great Expectations, and set apart what breaks a rule.

    Publishes the clean tables (`boxes/{0..f}.parquet`, `image_labels.parquet`, `edges.parquet`, `descriptions.parquet`,
    `photos.parquet`), `quarantine.parquet`, `quality.json` and `quality.html`, and the page in the bucket of reports.
    It says what it finds and stops nothing: the data gate does.
    """

    version: ClassVar[str] = "1"
    snapshot: OutputId
    mostly: Share = 0.999
    max_quarantined: Share = 0.001

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
        return cls(**{"mostly": quality.mostly, "max_quarantined": quality.max_quarantined, **inputs})

    def source(self, io: JobIO) -> Any:
        """The suites: a changed expectation is another judgement."""
        from oi_tasks.quality.suites import expectations_folder, fingerprints

        return fingerprints(expectations_folder())

    def still_good(self, io: JobIO, output: Output) -> bool:
        """Whether the page is still where people look for it."""
        return io.store.exists(REPORTS, self._page)

    @property
    def _page(self) -> str:
        return f"quality/{self.snapshot}.html"

    def run(self, io: JobIO) -> Result:
        """Judge every table, write what goes on and what does not, and the page. Raises BadInput for a bad suite."""
        from oi_tasks.quality.engine import Engine
        from oi_tasks.quality.inspection import SnapshotInspection
        from oi_tasks.quality.suites import expectations_folder, load_suites
        from oi_tasks.quality.summary import summarise
        from oi_tasks.reports.quality import quality_page

        parts = io.input("snapshot", self.snapshot).read_json("snapshot.json")["outputs"]
        tables, photos = io.input("tables", parts["tables"]), io.input("photos", parts["photos"])
        names = [*(f"{name}.parquet" for name in PLAIN), *tables.names("boxes/"), *tables.names("photo_list")]
        files = {name: tables.local(name) for name in names} | {"photos.parquet": photos.local("photos.parquet")}
        parameters = {"mostly": self.mostly, "max_quarantined": self.max_quarantined}
        inspection = SnapshotInspection(
            files, load_suites(expectations_folder()), Engine(parameters), io.out, io.scratch, io.log
        )
        quality = summarise(self.snapshot, parameters, inspection.run())
        (io.out / "quality.json").write_text(json.dumps(quality, indent=1))
        page = quality_page(quality)
        (io.out / "quality.html").write_text(page, encoding="utf-8")
        io.store.put_bytes(REPORTS, self._page, page.encode(), "text/html; charset=utf-8")
        return self._result(quality)

    def _result(self, quality: dict[str, Any]) -> Result:
        severities = [finding["severity"] for finding in quality["findings"]]
        return self.Result(
            verdict=quality["verdict"],
            critical=severities.count("critical"),
            warnings=severities.count("warning"),
            quarantined_share=quality["quarantined_share"],
            rows=quality["rows"],
            report=f"{REPORTS}/{self._page}",
        )
