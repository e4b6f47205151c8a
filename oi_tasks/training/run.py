"""One training run from its learner to a registered model: fit, validate, save, register."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from oi_tasks.io.provenance import made_with
from oi_tasks.models.saved import ModelMeta, save_model
from oi_tasks.reports.card import PartCard
from oi_tasks.training.learner import Learner, Scores
from oi_tasks.training.loop import fit
from oi_tasks.training.pictures import curves
from oi_tasks.training.ranks import leave, rank
from oi_tasks.training.schedules import Stage

if TYPE_CHECKING:
    from oi_tasks.jobs.base import JobIO


def train_and_register(
    io: "JobIO",
    learner: Learner,
    stages: Sequence[Stage],
    seed: int,
    registered: str,
    params: Mapping[str, Any],
    describe: Callable[[Scores], ModelMeta],
) -> dict[str, Any]:
    """Train, tracked by MLflow; write the model and `curves.json` below `io.out`; register a version of `registered`.

    Returns `mlflow_run`, `model_version` and `metrics` (on the tune photos). A rank other than 0 trains with the
    others, and ends the process with status 0: one of them registers and publishes.
    """
    if rank() > 0:
        fit(io, learner, stages, seed, None)
        leave()
        raise SystemExit(0)
    tags = {"dataset": learner.train.dataset.id, "job_key": io.key, **made_with(), **_origin(io, learner)}
    with io.tracking.run(io.job.name, f"{registered} {io.key[:8]}", tags, params) as run:
        io.log(f"{io.job.name}: {len(learner.train)} photos to train on, {len(learner.tune)} to tune; {run.url}")
        history = fit(io, learner, stages, seed, run)
        leave()
        learner.mode(learning=False)
        scores = learner.scores()
        meta = describe(scores)
        save_model(io.out, learner.model, meta)
        said = ", ".join(f"{name} {value:.3f}" for name, value in scores.metrics.items() if "/" not in name)
        summary = (
            f"{len(learner.train)} photos, {len(history)} epochs; on the tune photos: {said or 'nothing to score'}"
        )
        version = run.register(registered, io.out, summary=summary, tags=tags)
        io.tracking.describe(registered, version, _card(registered, version, meta, summary, tags, scores).markdown())
        (io.out / "curves.json").write_text(json.dumps(history, indent=1))
        run.artifact(io.out / "curves.json")
        run.artifact(curves(history, io.scratch / "curves.png"))
    io.log(f"{io.job.name}: {registered} version {version}: {summary}")
    return {"mlflow_run": run.id, "model_version": version, "metrics": scores.metrics}


def _card(
    registered: str, version: int, meta: ModelMeta, summary: str, tags: Mapping[str, str], scores: Scores
) -> PartCard:
    own = {"classifier": f", head {meta.head}", "semseg": f", cluster {meta.cluster}", "detector": ""}[meta.kind]
    return PartCard(
        model=registered,
        version=version,
        kind=meta.kind,
        what=meta.backbone + own,
        summary=summary,
        snapshot=tags.get("snapshot", ""),
        dataset=meta.dataset,
        classes=meta.names,
        canvases=meta.canvases,
        metrics=scores.metrics,
    )


def _origin(io: "JobIO", learner: Learner) -> dict[str, str]:
    """The snapshot that a dataset was made from, by the manifests in between."""
    validated = learner.train.dataset.manifest.fields.get("validated")
    snapshot = io.input("validate", validated).manifest.fields.get("snapshot") if validated else None
    return {"snapshot": snapshot} if snapshot else {}
