"""One training run from its learner to a registered model: fit, validate, save, register."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from oi_tasks.core.flat import flat
from oi_tasks.io.provenance import made_with
from oi_tasks.models.saved import ModelMeta, save_model
from oi_tasks.profile.training import Recipe
from oi_tasks.reports.card import PartCard, about
from oi_tasks.training.learner import Learner, Scores
from oi_tasks.training.loop import fit, headed
from oi_tasks.training.pictures import curves
from oi_tasks.training.ranks import leave, rank
from oi_tasks.training.schedules import Stage

if TYPE_CHECKING:
    from oi_tasks.jobs.base import JobIO

SHOWN = ("epochs", "batch", "loss", "rate", "encoder_rate", "seed")  # of a recipe, in each list of trainings


def train_and_register(
    io: "JobIO",
    learner: Learner,
    stages: Sequence[Stage],
    recipe: Recipe,
    registered: str,
    network: str,
    describe: Callable[[Scores], ModelMeta],
) -> dict[str, Any]:
    """Train, tracked by MLflow; write the model and `curves.json` below `io.out`; register a version of `registered`.

    `network`: the timm name of the encoder, wherever the recipe takes it from.
    Returns `mlflow_run`, `model_version` and `metrics` (on the tune photos). A rank other than 0 trains with the
    others, and ends the process with status 0: one of them registers and publishes.
    """
    if rank() > 0:
        fit(io, learner, stages, recipe.seed, None)
        leave()
        raise SystemExit(0)
    tags = {"dataset": learner.train.dataset.id, "job_key": io.key, **made_with(), **_origin(io, learner)}
    params = {"network": network, "photos": len(learner.train), **params_of(recipe)}
    with io.tracking.run(io.job.name, _called(registered), io.key, tags, params) as run:
        (io.scratch / "recipe.json").write_text(recipe.model_dump_json(indent=1))
        run.artifact(io.scratch / "recipe.json")
        io.log(f"{io.job.name}: {len(learner.train)} photos to train on, {len(learner.tune)} to tune; {run.url}")
        history = fit(io, learner, stages, recipe.seed, run)
        leave()
        learner.mode(learning=False)
        scores = learner.scores()
        meta = describe(scores)
        save_model(io.out, learner.model, meta)
        said = ", ".join(f"{name} {value:.3f}" for name, value in scores.metrics.items() if "/" not in name)
        summary = (
            f"{len(learner.train)} photos, {len(history)} epochs; on the tune photos: {said or 'nothing to score'}"
        )
        # The model that is published may be an average, or an earlier epoch's: its figures are the last of each curve.
        run.log(headed({f"tune_{name}": value for name, value in scores.metrics.items()}), len(history))
        run.describe(summary)
        version = run.register(registered, io.out, about=about(registered), summary=summary, tags=tags)
        io.tracking.describe(registered, version, _card(registered, version, meta, summary, tags, scores).markdown())
        (io.out / "curves.json").write_text(json.dumps(history, indent=1))
        run.artifact(io.out / "curves.json")
        run.artifact(curves(history, io.scratch / "curves.png"))
    io.log(f"{io.job.name}: {registered} version {version}: {summary}")
    return {"mlflow_run": run.id, "model_version": version, "metrics": scores.metrics}


def params_of(recipe: Recipe) -> dict[str, Any]:
    """The fields of a recipe that tell trainings apart: those in `SHOWN`, and whatever is not the default."""
    usual = dict(flat(type(recipe)().model_dump(mode="json")))
    own = flat(recipe.model_dump(mode="json"))
    return {name: value for name, value in own if name.partition(".")[0] in SHOWN or (name, value) not in usual.items()}


def _called(registered: str) -> str:
    """What a run trains: `classifier`, `detector`, or `fish masks`."""
    part = registered.removeprefix("oi-")
    return f"{part.removeprefix('semseg-')} masks" if part.startswith("semseg-") else part


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
