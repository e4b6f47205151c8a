"""Compare the cascade with the single-stage detector on the same test photos."""

import json
import time
from statistics import median
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, PositiveInt

from oi_tasks.errors import BadInput, Refused
from oi_tasks.io.outputs import Output
from oi_tasks.io.store import REPORTS
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Profile

if TYPE_CHECKING:
    from oi_tasks.io.shards import ShardReader
    from oi_tasks.models.box_scores import BoxScores
    from oi_tasks.models.cascade import Cascade
    from oi_tasks.models.predictor import Predictor
    from oi_tasks.models.single_stage import SingleStage

CASCADE, DETECTOR = "cascade", "detector"
HEADLINE = ("map", "seconds")  # what MLflow shows first: how well, and how fast


class CompareDetector(Job):
    """Compare the cascade with the single-stage detector on the same test photos: how well, and how fast.

    Publishes `comparison.json` (numbers with intervals, paired differences, average precision by class, seconds a
    photo) and `baseline.html`, which stands in the bucket of reports as well. Nothing is promoted or refused by it.
    """

    evaluation: OutputId = Field(description="id of the evaluation of the cascade")
    detector: OutputId = Field(description="id of the trained detector")
    timed: PositiveInt = Field(32, description="test photos that are timed, one at a time")

    class Result(JobResult):
        """The numbers of both, by model and name; where the page stands; and the MLflow run."""

        numbers: dict[str, dict[str, float | None]]
        report: str
        mlflow_run: str

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """Nothing of the profile matters here."""
        return cls(**inputs)

    @property
    def _page(self) -> str:
        return f"baseline/{self.evaluation}-{self.detector}.html"

    def still_good(self, io: JobIO, output: Output) -> bool:
        """Whether the page is still where people look for it."""
        return io.store.exists(REPORTS, self._page)

    def run(self, io: JobIO) -> Result:
        """Score both, compare, write. Raises BadInput for a detector of another dataset, Refused without a true box."""
        from oi_tasks.core import metrics
        from oi_tasks.io.shards import ShardReader
        from oi_tasks.models.evaluated import evaluated_cascade
        from oi_tasks.models.saved import load_trained
        from oi_tasks.models.single_stage import SingleStage
        from oi_tasks.reports.baseline import baseline_page

        io.tracking.check()
        evaluation = io.input("evaluate", self.evaluation)
        dataset = evaluation.manifest.fields["dataset"]
        detector = SingleStage(load_trained(io.input("train_detector", self.detector), io.scratch))
        if detector.meta.dataset != dataset:
            what = (
                f"the detector was trained on the dataset {detector.meta.dataset}, the cascade evaluated on {dataset}"
            )
            raise BadInput(what, fix="train the detector on the same dataset", code="not_comparable")
        reader = ShardReader(io.input("shards", dataset), "test")
        cascade = evaluated_cascade(io.outputs, evaluation, io.scratch)
        scored = self._scored(io, reader, cascade, detector)
        drawn = metrics.resamples(len(reader))
        seconds = self._seconds(reader, {CASCADE: cascade, DETECTOR: detector})
        comparison = {
            "test_photos": len(reader),
            "dataset": dataset,
            "numbers": {who: metrics.as_plain(found.numbers(drawn)) for who, found in scored.items()},
            "paired": metrics.as_plain(scored[CASCADE].paired(scored[DETECTOR], drawn)),
            "seconds": seconds,
            "timed": min(self.timed, len(reader)),
            "classes": _classes(reader, scored),
            "versions": {
                CASCADE: evaluation.result["candidate"],
                DETECTOR: io.input("train_detector", self.detector).result["model_version"],
            },
        }
        (io.out / "comparison.json").write_text(json.dumps(comparison, indent=1))
        page = baseline_page(comparison)
        (io.out / "baseline.html").write_text(page, encoding="utf-8")
        io.store.put_bytes(REPORTS, self._page, page.encode(), "text/html; charset=utf-8")
        flat = {
            who: {name: one["value"] for name, one in named.items()} | {"seconds": seconds[who]}
            for who, named in comparison["numbers"].items()
        }
        what, of_run = "cascade and detector", {"dataset": dataset}
        with io.tracking.run(self.name, what, io.key, of_run, comparison["versions"]) as run:
            measured = {
                f"{'headline' if name in HEADLINE else 'more'}/{name} of {who}": value
                for who, named in flat.items()
                for name, value in named.items()
            }
            run.log({name: value for name, value in sorted(measured.items()) if value is not None}, 0)
            run.artifact(io.out / "baseline.html")
        for who, named in flat.items():
            io.log(f"compare_detector: {who}: mAP {named['map']:.3f}, {named['seconds']:.3f} s a photo")
        return self.Result(numbers=flat, report=f"{REPORTS}/{self._page}", mlflow_run=run.id)

    def _scored(
        self, io: JobIO, reader: "ShardReader", cascade: "Cascade", detector: "SingleStage"
    ) -> "dict[str, BoxScores]":
        """Both on all test photos; the detection metric sees every box of the detector, the rest its answer."""
        from oi_tasks.models.box_scores import BoxScores, boxes_by_row
        from oi_tasks.models.detections import Truth
        from oi_tasks.models.single_stage import FLOOR, SingleStage

        truth = Truth.of(reader, cascade.meta.ancestors)
        if not len(truth.boxes):
            raise Refused(
                "no test photo has a box: there is nothing to compare by", fix="raise splits.test", code="no_data"
            )
        places = sorted({place for found in cascade.places.values() for place in found})
        with io.progress("compare_detector", 2 * len(reader)) as progress:
            ours = boxes_by_row(cascade, reader, progress.update)
            everything = SingleStage((detector.detector, detector.meta), FLOOR)
            theirs = boxes_by_row(everything, reader, progress.update)
        lowest = dict(zip(detector.classes, detector.meta.thresholds, strict=True))
        chosen = [[box for box in boxes if box.score >= lowest[box.label]] for boxes in theirs]
        return {
            CASCADE: BoxScores.of(reader, truth, places, ours, ours),
            DETECTOR: BoxScores.of(reader, truth, places, theirs, chosen),
        }

    def _seconds(self, reader: "ShardReader", models: "dict[str, Predictor]") -> dict[str, float]:
        """The median time of a photo, from its JPEG bytes to its boxes; the models take turns on the same photos."""
        took: dict[str, list[float]] = {who: [] for who in models}
        photos = [reader.jpeg(row) for row in range(min(self.timed, len(reader)))]
        for photo in [photos[0], *photos]:  # the first one twice: what is made once is not timed
            for who, model in models.items():
                started = time.perf_counter()
                model.predict([photo])
                took[who].append(time.perf_counter() - started)
        return {who: round(median(times[1:]), 6) for who, times in took.items()}


def _classes(reader: "ShardReader", scored: "dict[str, BoxScores]") -> list[dict[str, Any]]:
    """The average precision of each class with a true box, the largest difference first."""
    ours, theirs = (scored[who].detection for who in (CASCADE, DETECTOR))
    found = zip(ours.classes, ours.average_precisions(), theirs.average_precisions(), strict=True)
    rows = [
        {
            "name": reader.index.classes[place].name,
            "boxes": int(ours.boxes[place]),
            CASCADE: round(float(one), 6),
            DETECTOR: round(float(other), 6),
        }
        for place, one, other in found
    ]
    return sorted(rows, key=lambda row: (row[CASCADE] - row[DETECTOR], row["name"]))
