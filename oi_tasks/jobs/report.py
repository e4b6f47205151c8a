"""Write the page of a retrain: what happened, and why."""

from typing import Any, ClassVar, Self

from oi_tasks.io.outputs import Output
from oi_tasks.io.store import REPORTS
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.profile import Prices, Profile


class Report(Job):
    """Write the page of a retrain: what happened, and why.

    Publishes `report.html`, in the bucket of reports as well. It is attached to the evaluation's MLflow run, beside the
    pages on the data; that run gets what this one cost. What making the version took stands in the version's tags.
    """

    version: ClassVar[str] = "3"

    verdict: OutputId
    promoted: OutputId | None = None
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
        """Whether the page is still where people look for it."""
        return io.store.exists(REPORTS, self._page)

    def run(self, io: JobIO) -> Result:
        """Gather the run's documents and write the page."""
        from oi_tasks.reports.costs import costs, metrics, tags
        from oi_tasks.reports.run import run_page

        verdict = io.input("gate", self.verdict).read_json("verdict.json")
        evaluation = io.input("evaluate", verdict["evaluation"])
        fields = evaluation.manifest.fields
        trained = {"classifier": io.input("train_classifier", fields["classifier"])}
        for part in fields["semseg"]:
            output = io.input("train_semseg", part)
            trained[output.result["cluster"]] = output
        spent = costs(
            io.run_so_far(),
            [io.input("shards", fields["dataset"]).manifest.produced, evaluation.manifest.produced]
            + [output.manifest.produced for output in trained.values()],
            self.prices,
        )
        dataset = io.input("shards", fields["dataset"]).manifest.fields
        of_data = io.input("validate", dataset["validated"]), io.input("collapse", dataset["classes"])
        pages = {
            "data quality": of_data[0].result["report"],
            "classes": of_data[1].result["report"],
            "hierarchy": of_data[1].result["hierarchy"],
            "errors": evaluation.result["errors"],
        }
        curves = {name: output.read_json("curves.json") for name, output in trained.items()}
        run = io.tracking.reopen(evaluation.result["mlflow_run"])
        page = run_page(
            verdict,
            evaluation.read_json("scores.json"),
            curves,
            dataset=fields["dataset"],
            mlflow_url=run.url,
            promoted=self.promoted is not None,
            costs=spent,
            pages={name: f"../{place.removeprefix(f'{REPORTS}/')}" for name, place in pages.items()},
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
        page_of = {"report_page": f"{io.store.endpoint}/{REPORTS}/{self._page}"}
        io.tracking.tag(CASCADE, verdict["candidate"], tags(spent.version, spent.currency) | page_of)
        return self.Result(report=f"{REPORTS}/{self._page}", mlflow=run.url)
