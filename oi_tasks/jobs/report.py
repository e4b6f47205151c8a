"""Write the page of a retrain: what happened, and why."""

from typing import Any, ClassVar, Self

from oi_tasks.io.outputs import Output
from oi_tasks.io.store import REPORTS
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.jobs.gate import made_of, parts_of
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.profile import Prices, Profile
from oi_tasks.results import report_page


class Report(Job):
    """Write the page of a retrain: what happened, and why.

    Publishes `report.html`, in the bucket of reports as well. It is attached to the evaluation's MLflow run, beside the
    pages on the data; that run gets what this one cost. What making the version took stands in the version's tags.
    """

    version: ClassVar[str] = "4"

    verdict: OutputId
    promoted: OutputId | None = None
    served: OutputId | None = None
    turned_down: OutputId | None = None
    prices: Prices | None = None

    class Result(JobResult):
        """Where the page stands: its key in the store, and the MLflow run that it is attached to."""

        report: str
        mlflow: str

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's prices."""
        return cls(**{"prices": profile.prices, **inputs})

    @property
    def _page(self) -> str:
        return f"runs/{self.verdict}.html"

    def still_good(self, io: JobIO, output: Output) -> bool:
        """Whether the page that people find is still this one: the same verdict can end in more than one way."""
        found = io.store.exists(REPORTS, self._page) and io.store.digest(REPORTS, self._page)[0]
        return found == output.manifest.objects["report.html"].sha256

    def _stopped(self, io: JobIO) -> str:
        """What stopped a candidate that had passed the gate; empty where nothing did."""
        from oi_tasks.reports.run import not_promoted

        served = io.input("serve_check", self.served).result if self.served else None
        turned_down = io.input("turn_down", self.turned_down).result if self.turned_down else None
        return not_promoted(served, turned_down)

    def run(self, io: JobIO) -> Result:
        """Gather the run's documents and write the page."""
        from oi_tasks.reports.costs import costs, metrics, tags
        from oi_tasks.reports.run import run_page

        verdict = io.input("gate", self.verdict).read_json("verdict.json")
        evaluation = io.input("evaluate", verdict["evaluation"])
        fields = evaluation.manifest.fields
        spent = costs(io.run_so_far(), made_of(io, evaluation), self.prices)
        dataset = io.input("shards", fields["dataset"]).manifest.fields
        of_data = io.input("validate", dataset["validated"]), io.input("collapse", dataset["classes"])
        pages = {
            "data quality": of_data[0].result["report"],
            "classes": of_data[1].result["report"],
            "hierarchy": of_data[1].result["hierarchy"],
            "errors": evaluation.result["errors"],
            "masks and boxes": evaluation.result.get("boxes"),
        }
        curves = {name: output.read_json("curves.json") for name, output in parts_of(io, evaluation).items()}
        run = io.tracking.reopen(evaluation.result["mlflow_run"])
        page = run_page(
            verdict,
            evaluation.read_json("scores.json"),
            curves,
            dataset=fields["dataset"],
            mlflow_url=run.url,
            stopped=self._stopped(io),
            promoted=self.promoted is not None,
            costs=spent,
            pages={name: f"../{place.removeprefix(f'{REPORTS}/')}" for name, place in pages.items() if place},
        )
        path = io.out / "report.html"
        path.write_text(page, encoding="utf-8")
        io.store.put_bytes(REPORTS, self._page, page.encode(), "text/html; charset=utf-8")
        run.artifact(path)
        for output in of_data:
            for name in output.names():
                if name.endswith(".html"):
                    (io.scratch / name).write_bytes(output.read_bytes(name))
                    run.artifact(io.scratch / name)
        run.log(metrics(spent.run), 0)
        place = f"{REPORTS}/{self._page}"
        page_of = {"report_page": report_page(io.settings.airflow_url, io.store.endpoint, place)}
        io.tracking.tag(CASCADE, verdict["candidate"], tags(spent.version, spent.currency) | page_of)
        return self.Result(report=place, mlflow=run.url)
