"""Decide whether the candidate may be promoted, and write down why."""

from dataclasses import asdict
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from oi_tasks.core.gate import Candidate, ChampionsPhotos, Limit, Limits, Verdict, failed_clusters, judge
from oi_tasks.core.ledger import PASSED, REFUSED, standing
from oi_tasks.core.slice_regressions import SliceLimit, SliceRow
from oi_tasks.core.verdict_document import VerdictDocument
from oi_tasks.io.ledger import Ledger
from oi_tasks.io.outputs import Output
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId, execute
from oi_tasks.jobs.evaluate import MODEL_FILES, Evaluate
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.profile import Gate as Thresholds
from oi_tasks.profile import Prices, Profile
from oi_tasks.reports.costs import costs

GROUPS = ("classifier", "semseg", "cascade")


class Gate(Job):
    """Decide whether the candidate may be promoted, and write down why.

    A cluster that fails here, or whose training failed, keeps the champion's model where the class map is the same; the
    cascade made so is scored and judged as a whole. Publishes `verdict.json`: candidate, champion, numbers, thresholds,
    reasons, and what it cost up to here; where the champion comes from another dataset, what may be lost on photos of
    that one, too. The verdict goes into the ledger.
    """

    version: ClassVar[str] = "3"

    evaluation: OutputId
    limits: Thresholds
    profile: str
    prices: Prices | None = Field(None, exclude=True)  # not in the key: other prices are no reason to judge again

    class Result(JobResult):
        """The verdict in short."""

        verdict: Literal["promote", "refuse"]
        reasons: tuple[dict[str, str], ...]
        candidate: int
        champion: int | None
        kept: tuple[str, ...] = ()

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's thresholds and prices."""
        return cls(**{"limits": profile.gate, "profile": profile.name, "prices": profile.prices, **inputs})

    def source(self, io: JobIO) -> Any:
        """What the ledger says of the candidate: one that was rolled back does not come back by itself."""
        return _turned_down(io, io.input("evaluate", self.evaluation).result["candidate"])

    def run(self, io: JobIO) -> Result:
        """Judge. It refuses by its result, not by failing: the DAG goes on to the report either way."""
        evaluation = io.input("evaluate", self.evaluation)
        verdict = self._judge(io, evaluation)
        kept = failed_clusters(verdict.reasons)
        mixed = self._with_champions_clusters(io, evaluation, kept) if kept else None
        if mixed is not None:
            evaluation, verdict = mixed, self._judge(io, mixed)
        cost = costs(io.run_so_far(), made_of(io, evaluation), self.prices)
        document = self._document(evaluation, verdict, kept if mixed is not None else (), cost.plain())
        (io.out / "verdict.json").write_text(document.model_dump_json(indent=1))
        for reason in verdict.reasons:
            io.log(f"gate: {reason.code}: {reason.text}")
        reasons = tuple(reason.model_dump() for reason in document.reasons)
        facts = {"version": document.candidate, "profile": self.profile, "reasons": list(reasons), "key": io.key}
        Ledger(io.store).append(PASSED if verdict.promote else REFUSED, io.key, facts, why=verdict.note, once=True)
        return self.Result(
            verdict=document.decision,
            reasons=reasons,
            candidate=document.candidate,
            champion=document.champion,
            kept=document.kept,
        )

    def _judge(self, io: JobIO, evaluation: Output) -> Verdict:
        scores = evaluation.read_json("scores.json")
        slices = scores.get("slices")
        candidate = Candidate(
            numbers=scores["numbers"],
            test_photos=scores["test_photos"],
            paired=_paired(scores),
            slices=None if slices is None else [SliceRow.of(row) for row in slices],
            support=_support(scores),
            megabytes=_megabytes(io, evaluation),
            champion=scores["champion_version"],
            planned=[f"semseg/{name}" for name in _planned(io, evaluation)],
            turned_down=_turned_down(io, evaluation.result["candidate"]),
            champions_photos=_champions_photos(scores.get("champions_photos")),
        )
        return judge(candidate, self._limits())

    def _limits(self) -> Limits:
        slices = self.limits.slices
        return Limits(
            groups={
                group: {name: Limit(**limit.model_dump()) for name, limit in getattr(self.limits, group).items()}
                for group in GROUPS
            },
            min_test_photos=self.limits.min_test_photos,
            slices=None if slices is None else SliceLimit(**slices.model_dump()),
            megabytes=self.limits.budgets.megabytes,
        )

    def _document(
        self, evaluation: Output, verdict: Verdict, kept: tuple[str, ...], cost: dict[str, Any]
    ) -> VerdictDocument:
        note = verdict.note + (f"; {', '.join(kept)} failed and keep the champion's model" if kept else "")
        return VerdictDocument.model_validate(
            {
                "decision": "promote" if verdict.promote else "refuse",
                "reasons": [asdict(reason) for reason in verdict.reasons],
                "note": note,
                "candidate": evaluation.result["candidate"],
                "champion": evaluation.result["champion"],
                "evaluation": evaluation.id,
                "profile": self.profile,
                "judged": [asdict(judged) for judged in verdict.judged],
                "thresholds": self.limits.model_dump(mode="json"),
                "changed_most": [asdict(row) for row in verdict.changed_most],
                "champions_photos": _elsewhere(evaluation.read_json("scores.json").get("champions_photos"), verdict),
                "kept": kept,
                "cost": cost,
            }
        )

    def _with_champions_clusters(self, io: JobIO, evaluation: Output, failed: tuple[str, ...]) -> Output | None:
        """The candidate with the champion's models for these clusters, scored; None where the champion has none."""
        champion = evaluation.result["champion"]
        if champion is None or not evaluation.result["comparable"]:
            return None
        tags = io.tracking.version_tags(CASCADE, champion) or {}
        if "evaluation" not in tags:
            return None
        theirs = _clusters(io, io.input("evaluate", tags["evaluation"]))
        ours = _clusters(io, evaluation)
        planned = _planned(io, evaluation)
        if any(name not in theirs or theirs[name][1] != planned[name] for name in failed):
            return None
        mixed = {name: part for name, (part, _) in (ours | {name: theirs[name] for name in failed}).items()}
        parts = tuple(part for _, part in sorted(mixed.items()))
        fields = evaluation.manifest.fields
        if set(parts) == set(fields["semseg"]):
            return None
        io.log(f"gate: {', '.join(failed)} failed: scored again with the champion's model, version {champion}")
        job = Evaluate.model_validate(fields | {"semseg": parts})
        scored = io.input("evaluate", execute(job, io.settings, profile=io.profile)["id"])
        return None if scored.result["candidate"] == champion else scored  # with nothing left that is new


def parts_of(io: JobIO, evaluation: Output) -> dict[str, Output]:
    """The trained models that were evaluated: `classifier`, and each cluster's by the cluster's name."""
    fields = evaluation.manifest.fields
    masks = [io.input("train_semseg", part) for part in fields["semseg"]]
    clusters = {str(output.result["cluster"]): output for output in masks}
    return {"classifier": io.input("train_classifier", fields["classifier"]), **clusters}


def made_of(io: JobIO, evaluation: Output) -> list[dict[str, Any]]:
    """How all that a version consists of was produced: photos at training size, trained models, the evaluation."""
    shards = io.input("shards", evaluation.manifest.fields["dataset"])
    return [output.manifest.produced for output in (shards, *parts_of(io, evaluation).values(), evaluation)]


def _turned_down(io: JobIO, version: int) -> str:
    known = standing(Ledger(io.store).entries())
    if version in known.rejected:
        return "rejected"
    return "withdrawn" if version in known.withdrawn else ""


def _paired(scores: dict[str, Any]) -> dict[str, Any] | None:
    """The pairs of the evaluation's document; from one without them, the differences alone."""
    if scores.get("paired") is not None:
        return dict(scores["paired"])
    if scores["differences"] is None:
        return None
    return {
        f"{part}/{name}": {**found, "difference": found["value"]}
        for part, named in scores["differences"].items()
        for name, found in named.items()
    }


def _champions_photos(said: dict[str, Any] | None) -> ChampionsPhotos | None:
    """What the evaluation's document says of photos of the champion's dataset; pairs that it lacks are missing."""
    if said is None:
        return None
    if said["left_out"]:
        return ChampionsPhotos(left_out=said["left_out"])
    return ChampionsPhotos(said["photos"], said.get("paired") or {}, said.get("support") or {})


def _elsewhere(said: dict[str, Any] | None, verdict: Verdict) -> dict[str, Any] | None:
    """The same in the verdict's document."""
    return said and {
        "dataset": said["dataset"],
        "left_out": verdict.left_out,
        "photos": said.get("photos", 0),
        "seen": said.get("seen", 0),
        "judged": [asdict(judged) for judged in verdict.on_champions_photos],
        "not_judged": verdict.not_judged,
    }


def _support(scores: dict[str, Any]) -> dict[str, int]:
    """How many test photos each part was measured on: a cluster those with one of its classes."""
    slices = scores.get("slices") or ()
    clusters = [row for row in slices if row["kind"] == "cluster" and row.get("metric", "f1") == "f1"]
    whole = {part: int(scores["test_photos"]) for part in ("classifier", "cascade")}
    return whole | {f"semseg/{row['value']}": int(row["photos"]) for row in clusters}


def _megabytes(io: JobIO, evaluation: Output) -> float:
    """Size of the candidate's model files."""
    parts = parts_of(io, evaluation).values()
    return sum(part.manifest.objects[name].size for part in parts for name in MODEL_FILES) / 1e6


def _planned(io: JobIO, evaluation: Output) -> dict[str, set[str]]:
    """By cluster that the dataset trains: the MIDs of its classes."""
    from oi_tasks.io.shards import INDEX, DatasetIndex

    index = DatasetIndex.model_validate(io.input("shards", evaluation.manifest.fields["dataset"]).read_json(INDEX))
    return {cluster.name: set(cluster.classes) for cluster in index.clusters if cluster.trained}


def _clusters(io: JobIO, evaluation: Output) -> dict[str, tuple[str, set[str]]]:
    """By cluster: the id of its trained model, and the MIDs of its classes."""
    found = {}
    for part in evaluation.manifest.fields["semseg"]:
        output = io.input("train_semseg", part)
        found[str(output.result["cluster"])] = (str(part), set(output.read_json("model.json")["classes"]))
    return found
