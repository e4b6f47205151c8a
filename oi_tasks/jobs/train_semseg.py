"""Train the coarse segmentation model of one cluster."""

import json
import math
from typing import TYPE_CHECKING, Any, ClassVar, Self

from oi_tasks.errors import Refused
from oi_tasks.io.outputs import Output
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Profile
from oi_tasks.profile import Semseg as Recipe

if TYPE_CHECKING:
    from oi_tasks.io.shards import ClassEntry, DatasetIndex
    from oi_tasks.models.semseg import Semseg

FROM_CLASSIFIER = "from classifier"


class TrainSemseg(Job):
    """Train the coarse segmentation model of one cluster.

    Publishes `model.safetensors`, `model.json` and `curves.json`, and registers a version of `oi-semseg-<cluster>`.
    """

    resumable: ClassVar[bool] = True

    dataset: OutputId
    classifier: OutputId
    cluster: str
    recipe: Recipe

    class Result(JobResult):
        """The registered version, its run, and the scores on the `tune` split."""

        cluster: str
        mlflow_run: str
        model_version: int
        metrics: dict[str, float]

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's segmentation models."""
        return cls(**{"recipe": profile.semseg, **inputs})

    @property
    def registered(self) -> str:
        """The name in the registry."""
        return f"oi-semseg-{self.cluster}"

    def still_good(self, io: JobIO, output: Output) -> bool:
        """As long as the registry has the version."""
        return io.tracking.version_exists(self.registered, output.result["model_version"])

    def run(self, io: JobIO) -> Result:
        """Set up, fit, choose thresholds, register. Raises Refused for a cluster without photos to train on."""
        import torch

        from oi_tasks.io.shards import INDEX, DatasetIndex
        from oi_tasks.training.loop import fit
        from oi_tasks.training.segment import SemsegTraining

        io.tracking.check()
        torch.manual_seed(self.recipe.seed)
        torch.use_deterministic_algorithms(True, warn_only=True)
        dataset = io.input("shards", self.dataset)
        index = DatasetIndex.model_validate(dataset.read_json(INDEX))
        classes = [index.classes[place] for place in index.positions(index.cluster(self.cluster).classes)]
        model = self._model(io, len(classes))
        recipe = self.recipe
        indices = [found.index for found in classes]
        training = SemsegTraining(
            model, dataset, indices, recipe.batch, recipe.seed, recipe.negatives, frozen=recipe.frozen
        )
        if not training.positives():
            raise Refused(f"no training photo has a box of the cluster {self.cluster}", fix="raise clusters.min_photos")
        params = {"dataset": dataset.id, "cluster": self.cluster, **recipe.model_dump(mode="json")}
        tags = {"dataset": dataset.id, "cluster": self.cluster}
        with io.tracking.run(self.name, f"masks of {self.cluster}", tags, params) as run:
            stages = [training.stage(recipe.epochs, recipe.rate, recipe.encoder_rate)]
            history = fit(io, model, stages, training.scores, run, "photos")
            (io.out / "curves.json").write_text(json.dumps(history, indent=1))
            thresholds, iou = training.thresholds_and_iou()
            self._save(io, model, index, classes, thresholds)
            metrics = {f"tune_iou_{found['name']}": value for found, value in zip(classes, iou, strict=True)}
            metrics = {name: value for name, value in metrics.items() if not math.isnan(value)} | training.scores()
            metrics = {name: value for name, value in metrics.items() if not math.isnan(value)}
            run.log(metrics, len(history))
            summary = f"cluster {self.cluster}: {', '.join(found['name'] for found in classes)}"
            version = run.register(self.registered, io.out, summary=summary, tags=tags | {"key": io.key})
        return self.Result(cluster=self.cluster, mlflow_run=run.id, model_version=version, metrics=metrics)

    def _model(self, io: JobIO, classes: int) -> "Semseg":
        """The network; its encoder starts from the classifier's."""
        from oi_tasks.models.saved import load_model
        from oi_tasks.models.semseg import Semseg

        trained = io.input("train_classifier", self.classifier)
        folder = io.scratch / "classifier"
        folder.mkdir()
        for name in ("model.safetensors", "model.json"):
            (folder / name).write_bytes(trained.read_bytes(name))
        classifier, meta = load_model(folder)
        backbone = meta.backbone if self.recipe.encoder == FROM_CLASSIFIER else self.recipe.encoder
        model = Semseg(backbone, classes)
        if backbone == meta.backbone:
            model.encoder.load_state_dict(classifier.get_submodule("encoder").state_dict())
        return model

    def _save(
        self, io: JobIO, model: "Semseg", index: "DatasetIndex", classes: list["ClassEntry"], thresholds: list[float]
    ) -> None:
        from oi_tasks.models.saved import ModelMeta, save_model

        meta = ModelMeta(
            kind="semseg",
            backbone=model.encoder.name,
            classes=tuple(found.label for found in classes),
            names=tuple(found.name for found in classes),
            thresholds=tuple(thresholds),
            canvases=index.canvases,
            cluster=self.cluster,
            stride=self.recipe.stride,
            dataset=self.dataset,
        )
        save_model(io.out, model, meta)
