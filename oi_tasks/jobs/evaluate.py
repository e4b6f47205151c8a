"""Score the candidate, and the champion again, on the same test photos; register the candidate's cascade."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from oi_tasks.core.fingerprint import content_key
from oi_tasks.errors import Refused
from oi_tasks.io.outputs import Output
from oi_tasks.io.store import REPORTS
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.profile import Profile
from oi_tasks.results import airflow_page, report_page

if TYPE_CHECKING:
    from oi_tasks.io.shards import ShardReader
    from oi_tasks.io.tracking import TrackedRun
    from oi_tasks.models.cascade import Cascade
    from oi_tasks.models.scoring import Scores

ERRORS = "errors.html"
BOXES = "boxes.html"
MODEL_FILES = ("model.safetensors", "model.json")


class Evaluate(Job):
    """Score the candidate, and the champion again, on the same test photos; register the candidate's cascade.

    Publishes `scores.json` (numbers with intervals, the champion's, the paired differences, the same by slice),
    `per_class.parquet`, `photos.parquet` (a row for each test photo), `masks.parquet` (precision, recall, IoU and Dice
    of each class's masks by threshold), `cascade.json` (the cascade's parts, and how its masks become boxes), and
    `errors.html`, the error analysis; with clusters, `boxes.html`, on masks and boxes. Both pages stand in the bucket
    of reports as well. Where the champion comes from another dataset, both are scored on test photos of that, too:
    `champions_photos` of the scores, and the tables of both in the folder of that name.
    """

    dataset: OutputId
    classifier: OutputId
    semseg: tuple[OutputId, ...] = ()

    class Result(JobResult):
        """The candidate's version of oi-cascade, the champion's, its numbers, its pages: errors; masks and boxes."""

        candidate: int
        champion: int | None
        comparable: bool
        numbers: dict[str, dict[str, float | None]]
        mlflow_run: str
        errors: str = ""
        boxes: str = ""

    version: ClassVar[str] = "7"

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """Nothing of the profile matters here: the gate judges, evaluation measures."""
        return cls(**inputs)

    def source(self, io: JobIO) -> Any:
        """The champion and its dataset, which is scored as well, unless it is made of these very parts."""
        champion = io.tracking.alias(CASCADE, "champion")
        tags = (io.tracking.version_tags(CASCADE, champion) if champion is not None else None) or {}
        if champion is None or tags.get("parts") == self._parts_key():
            return None
        return [champion, tags.get("dataset")]

    def still_good(self, io: JobIO, output: Output) -> bool:
        """As long as the registry has the candidate's version, and the pages are where people look for them."""
        pages = [output.result[name] for name in ("errors", "boxes") if output.result.get(name)]
        there = all(io.store.exists(REPORTS, page.removeprefix(f"{REPORTS}/")) for page in pages)
        return there and io.tracking.version_exists(CASCADE, output.result["candidate"])

    def _parts_key(self) -> str:
        return content_key({"classifier": self.classifier, "semseg": sorted(self.semseg)})

    def run(self, io: JobIO) -> Result:
        """Assemble, score, compare, register. Raises Refused when the test split holds no photo."""
        from oi_tasks.core import metrics
        from oi_tasks.io.shards import ShardReader
        from oi_tasks.models.cascade import Cascade
        from oi_tasks.models.side_by_side import compared, write_tables

        io.tracking.check()
        reader = ShardReader(io.input("shards", self.dataset), "test")
        if not len(reader):
            raise Refused(
                "the test split holds no photo: nothing can be judged",
                fix="raise splits.test in the profile",
                code="no_data",
            )
        folder = io.scratch / "candidate"
        self._assemble(io, folder)
        self._choose_rules(io, folder)
        candidate = Cascade.load(folder)
        ours = self._score(io, "candidate", candidate, reader)
        drawn = metrics.resamples(len(reader))
        version, theirs, elsewhere = self._against_champion(io, candidate, reader)
        numbers = {part: metrics.as_plain(named) for part, named in ours.numbers(drawn).items()}
        scores = {
            "test_photos": len(reader),
            "numbers": numbers,
            "champion": None
            if theirs is None
            else {part: metrics.as_plain(named) for part, named in theirs.numbers(drawn).items()},
            **compared(ours, theirs, drawn),
            "champion_version": version,
            "classes": ours.classes,
            "slices": ours.by_slice(theirs, drawn),
            "routing": ours.routing,
            "champions_photos": elsewhere,
        }
        (io.out / "scores.json").write_text(json.dumps(scores, indent=1))
        write_tables(io.out, {"candidate": ours})
        flat = {part: {name: found["value"] for name, found in named.items()} for part, named in numbers.items()}
        self._errors(io, reader, ours, numbers["classifier"])
        boxes = self._boxes(io, reader, candidate, ours, numbers["cascade"]) if candidate.clusters else ""
        registered, run_id = self._register(io, folder, candidate, flat)
        io.tracking.describe(CASCADE, registered, self._card(io, registered, candidate, scores))
        return self.Result(
            candidate=registered,
            champion=version,
            comparable=theirs is not None,
            numbers=flat,
            mlflow_run=run_id,
            errors=f"{REPORTS}/{self._page('errors')}",
            boxes=boxes,
        )

    def _assemble(self, io: JobIO, folder: Path) -> None:
        """The candidate's folder: the files of its parts, and which versions they are."""
        from oi_tasks.io.shards import INDEX
        from oi_tasks.models.cascade import PINNED, Pinned

        classifier = io.input("train_classifier", self.classifier)
        parts = {"classifier": classifier, **self._semseg(io)}
        versions = {}
        for place, output in parts.items():
            (folder / place).mkdir(parents=True)
            for name in MODEL_FILES:
                (folder / place / name).write_bytes(output.read_bytes(name))
            versions[f"oi-{place.replace('/', '-')}"] = output.result["model_version"]
        classes = io.input("shards", self.dataset).read_json(INDEX)["classes"]
        key = content_key({"classes": [entry["label"] for entry in classes]})
        pinned = Pinned(parts=versions, dataset=self.dataset, classes_key=key)
        (folder / PINNED).write_text(pinned.model_dump_json(indent=1))

    def _choose_rules(self, io: JobIO, folder: Path) -> None:
        """Add to `cascade.json` how masks become boxes, chosen on the tune photos; publish it, too."""
        from oi_tasks.io.shards import ShardReader
        from oi_tasks.models.cascade import PINNED, Cascade
        from oi_tasks.models.detections import with_chosen_rules

        cascade, tune = Cascade.load(folder), ShardReader(io.input("shards", self.dataset), "tune")
        with io.progress("evaluate: rules of boxes, on tune", len(tune)) as progress:
            text = with_chosen_rules(cascade, tune, cascade.meta.ancestors, progress.update).model_dump_json(indent=1)
        for place in (folder, io.out):
            (place / PINNED).write_text(text)

    def _semseg(self, io: JobIO) -> dict[str, Output]:
        outputs = [io.input("train_semseg", part) for part in self.semseg]
        return {f"semseg/{output.result['cluster']}": output for output in outputs}

    def _score(self, io: JobIO, who: str, cascade: "Cascade", reader: "ShardReader") -> "Scores":
        from oi_tasks.models.scoring import Scoring

        with io.progress(f"evaluate: {who}", len(reader)) as progress:
            return Scoring(cascade, reader).run(progress.update)

    def _against_champion(
        self, io: JobIO, candidate: "Cascade", reader: "ShardReader"
    ) -> "tuple[int | None, Scores | None, dict[str, Any] | None]":
        """The champion's version, its scores on the same photos if it has the same classes, and both on its own."""
        from oi_tasks.models.cascade import Cascade

        version = io.tracking.alias(CASCADE, "champion")
        if version is None:
            io.log("evaluate: there is no champion yet")
            return None, None, None
        champion = Cascade.load(io.tracking.download(CASCADE, version, io.scratch / "champion"))
        scores = None
        if champion.pinned.classes_key == candidate.pinned.classes_key:
            scores = self._score(io, f"champion, version {version}", champion, reader)
        else:
            io.log(f"evaluate: the champion, version {version}, has other classes and is not compared")
        return version, scores, self._champions_photos(io, candidate, version, champion)

    def _champions_photos(
        self, io: JobIO, candidate: "Cascade", version: int, champion: "Cascade"
    ) -> dict[str, Any] | None:
        """Both on test photos of the champion's dataset; None where that is this one, or both models are one."""
        from oi_tasks.models.champions_photos import on_champions_photos

        tags = io.tracking.version_tags(CASCADE, version) or {}
        dataset = tags.get("dataset", champion.pinned.dataset)
        if dataset == self.dataset or tags.get("parts") == self._parts_key():
            return None
        parts = [io.input("train_classifier", self.classifier), *self._semseg(io).values()]
        trained_on = {self.dataset, *(str(part.manifest.fields["dataset"]) for part in parts)}
        score = partial(self._score, io)
        found = on_champions_photos(io.outputs, dataset, trained_on, (candidate, champion), score, io.out)
        if found["left_out"]:
            io.log(f"evaluate: nothing was compared on photos of the champion's dataset: {found['left_out']}")
        return found

    def _errors(self, io: JobIO, reader: "ShardReader", scores: "Scores", numbers: dict[str, Any]) -> None:
        """The error analysis of the candidate's classifier, in the bucket of reports as well."""
        from oi_tasks.reports.errors import Judged, errors_page

        judged = Judged(scores.labels, scores.ancestors, scores.ids, reader.table["boxes"].to_list(), reader.jpeg)
        ids = {"Training": self.classifier, "Dataset": self.dataset}
        text = errors_page(judged, self._classifier(io), "test photos of the dataset", numbers, ids)
        self._publish(io, "errors", ERRORS, text)

    def _boxes(
        self, io: JobIO, reader: "ShardReader", candidate: "Cascade", scores: "Scores", numbers: dict[str, Any]
    ) -> str:
        """The page on the candidate's masks and boxes, in the bucket of reports as well; returns where it stands."""
        from oi_tasks.models.masked_photos import masked_photos
        from oi_tasks.reports.boxes import Seen, boxes_page

        photos = masked_photos(candidate, reader, scores.photos)
        seen = Seen(scores.classes, scores.areas, scores.masks, scores.routing, photos)
        subject = f"{len(reader)} test photos of {self.dataset}"
        model = f"the cascade with {self._classifier(io)}"
        return self._publish(io, "boxes", BOXES, boxes_page(seen, model, subject, numbers))

    def _classifier(self, io: JobIO) -> str:
        """The classifier as the registry names it: the cascade has no version yet when its pages are written."""
        return f"oi-classifier version {io.input('train_classifier', self.classifier).result['model_version']}"

    def _publish(self, io: JobIO, about: str, name: str, text: str) -> str:
        (io.out / name).write_text(text, encoding="utf-8")
        io.store.put_bytes(REPORTS, self._page(about), text.encode(), "text/html; charset=utf-8")
        io.log(f"evaluate: the page on {about} is {REPORTS}/{self._page(about)}")
        return f"{REPORTS}/{self._page(about)}"

    def _page(self, about: str) -> str:
        return f"{about}/{self._parts_key()}-{self.dataset}.html"

    def _register(
        self, io: JobIO, folder: Path, candidate: "Cascade", numbers: dict[str, dict[str, float | None]]
    ) -> tuple[int, str]:
        """The cascade as a version of oi-cascade; equal parts are one version. Returns version and run."""
        from oi_tasks.reports.card import about, as_metrics

        pinned = candidate.pinned
        tags = {"dataset": self.dataset, "classes_key": pinned.classes_key, "parts": self._parts_key()}
        tags |= {name: f"version {version}" for name, version in pinned.parts.items()}
        tags |= {"snapshot": snapshot} if (snapshot := self._snapshot(io)) else {}
        summary = f"{len(candidate.classes)} classes; clusters {', '.join(candidate.clusters) or 'none'}"
        of_run = {name: value for name, value in tags.items() if name in ("dataset", "snapshot")}
        with io.tracking.run(self.name, "cascade", io.key, of_run, dict(pinned.parts)) as run:
            run.log(as_metrics(numbers), 0)
            run.describe(summary)
            for name in (ERRORS, BOXES):
                if (io.out / name).exists():
                    run.artifact(io.out / name)
            known = io.tracking.version_with(CASCADE, "parts", tags["parts"])
            version = known or run.register(CASCADE, folder, about=about(CASCADE), summary=summary, tags=tags)
        io.tracking.tag(CASCADE, version, self._links(io, run))
        return version, run.id

    def _links(self, io: JobIO, run: "TrackedRun") -> dict[str, str]:
        """Tags that lead on: to the run's page in MLflow, the error analysis and, where Airflow ran it, to its run."""
        links = {"mlflow_page": run.url, "errors_page": self._errors_page(io)}
        airflow = airflow_page(io.settings.airflow_url, io.result_to or "")
        return links | ({"airflow_page": airflow} if airflow else {})

    def _errors_page(self, io: JobIO) -> str:
        return report_page(io.settings.airflow_url, io.store.endpoint, f"{REPORTS}/{self._page('errors')}")

    def _snapshot(self, io: JobIO) -> str:
        """The snapshot that the dataset was made of; empty where the dataset does not tell."""
        validated = io.input("shards", self.dataset).manifest.fields.get("validated")
        return str(io.input("validate", validated).manifest.fields["snapshot"]) if validated else ""

    def _card(self, io: JobIO, version: int, candidate: "Cascade", scores: dict[str, Any]) -> str:
        """The model card of the version, by this evaluation."""
        from oi_tasks.reports.card import Card

        return Card(
            model=CASCADE,
            version=version,
            snapshot=self._snapshot(io),
            dataset=self.dataset,
            classes=candidate.meta.names,
            clusters=candidate.clusters,
            test_photos=scores["test_photos"],
            numbers=scores["numbers"],
            errors=self._errors_page(io),
        ).markdown()
