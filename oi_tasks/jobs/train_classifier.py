"""Train the classifier: the head on a frozen encoder first, then the whole network."""

import json
from typing import TYPE_CHECKING, Any, ClassVar, Self

from oi_tasks.io.outputs import Output
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Classifier as Recipe
from oi_tasks.profile import Profile, Weights

if TYPE_CHECKING:
    from oi_tasks.io.shards import DatasetIndex
    from oi_tasks.models.classifier import Classifier
    from oi_tasks.training.classify import ClassifierTraining

MODEL = "oi-classifier"


class TrainClassifier(Job):
    """Train the classifier: the head on a frozen encoder first, then the whole network.

    Publishes `model.safetensors`, `model.json` and `curves.json`, and registers a version of `oi-classifier`.
    """

    resumable: ClassVar[bool] = True

    dataset: OutputId
    recipe: Recipe

    class Result(JobResult):
        """The registered version, its run, and the scores on the `tune` split."""

        mlflow_run: str
        model_version: int
        metrics: dict[str, float]

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's classifier."""
        return cls(**{"recipe": profile.classifier, **inputs})

    def still_good(self, io: JobIO, output: Output) -> bool:
        """As long as the registry has the version."""
        return io.tracking.version_exists(MODEL, output.result["model_version"])

    def run(self, io: JobIO) -> Result:
        """Set up, fit, choose thresholds, register."""
        import torch

        from oi_tasks.io.shards import INDEX, DatasetIndex
        from oi_tasks.training.classify import ClassifierTraining
        from oi_tasks.training.loop import fit

        io.tracking.check()
        torch.manual_seed(self.recipe.seed)
        torch.use_deterministic_algorithms(True, warn_only=True)
        dataset = io.input("shards", self.dataset)
        index = DatasetIndex.model_validate(dataset.read_json(INDEX))
        model = self._model(io, len(index.classes))
        recipe, epochs = self.recipe, self.recipe.epochs
        training = ClassifierTraining(model, dataset, recipe.loss, recipe.batch, recipe.seed)
        activation = "softmax" if recipe.loss == "softmax" else "sigmoid"
        params = {"dataset": dataset.id, **recipe.model_dump(mode="json")}
        with io.tracking.run(self.name, f"classifier {recipe.backbone}", {"dataset": dataset.id}, params) as run:
            if epochs.frozen:
                count = len(training.train) + len(training.tune)
                with io.progress("encoding once", count) as progress:
                    training.encode_once(progress.update)
            stages = [
                training.frozen_stage(epochs.frozen, recipe.rate),
                training.unfrozen_stage(epochs.unfrozen, recipe.rate, recipe.encoder_rate),
            ]
            history = fit(io, model, stages, lambda: training.scores(activation), run, "photos")
            (io.out / "curves.json").write_text(json.dumps(history, indent=1))
            metrics = training.scores(activation)
            self._save(io, training, model, index, activation)
            run.log(metrics, len(history))
            summary = f"{len(index.classes)} classes, {recipe.backbone}"
            version = run.register(MODEL, io.out, summary=summary, tags={"dataset": dataset.id, "key": io.key})
        return self.Result(mlflow_run=run.id, model_version=version, metrics=metrics)

    def _model(self, io: JobIO, classes: int) -> "Classifier":
        from oi_tasks.models.backbones import load_imagenet
        from oi_tasks.models.classifier import Classifier
        from oi_tasks.models.weights import load_into, obtain

        model = Classifier(self.recipe.backbone, classes)
        if isinstance(self.recipe.weights, Weights):
            path = obtain(self.recipe.weights, io.store, io.settings.cache)
            load_into(model.encoder.net, path, self.recipe.weights.layout)
        elif self.recipe.weights == "imagenet":
            load_imagenet(model.encoder)
        return model

    def _save(
        self, io: JobIO, training: "ClassifierTraining", model: "Classifier", index: "DatasetIndex", activation: str
    ) -> None:
        from oi_tasks.models.saved import ModelMeta, save_model

        meta = ModelMeta(
            kind="classifier",
            backbone=self.recipe.backbone,
            classes=tuple(found.label for found in index.classes),
            names=tuple(found.name for found in index.classes),
            thresholds=tuple(training.thresholds(activation)),
            activation="softmax" if activation == "softmax" else "sigmoid",
            canvases=index.canvases,
            dataset=self.dataset,
        )
        save_model(io.out, model, meta)
