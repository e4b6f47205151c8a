"""Train the segmentation model of one cluster, and register it."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field

from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Output
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Profile, Weights
from oi_tasks.profile import Semseg as Recipe
from oi_tasks.profile.training import encoder_weights

if TYPE_CHECKING:
    from oi_tasks.io.shards import DatasetIndex
    from oi_tasks.models.saved import ModelMeta
    from oi_tasks.training.learner import Scores
    from oi_tasks.training.semseg import SemsegLearner


class TrainSemseg(Job):
    """Train the segmentation model of one cluster on the photos with its boxes; thresholds are set on `tune`.

    Publishes `model.safetensors`, `model.json` and `curves.json`, and registers a version of `oi-semseg-<cluster>`.
    """

    version: ClassVar[str] = "3"
    resumable: ClassVar[bool] = True
    dataset: OutputId = Field(description="id of the dataset (shards)")
    cluster: str = Field(description="slug of the cluster, as the class map has it")
    classifier: OutputId | None = Field(None, description="id of the classifier, for an encoder from it")
    recipe: Recipe = Field(default_factory=Recipe, description="encoder, epochs and rates")
    weights: Literal["none", "imagenet"] | Weights = Field("none", description="of an encoder that timm names")

    class Result(JobResult):
        """The cluster, the MLflow run, the registered version, and its scores on the tune photos."""

        cluster: str
        mlflow_run: str
        model_version: int
        metrics: dict[str, float]

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's segmentation; an encoder of its own begins with the weights that the classifier begins with."""
        return cls(**{"recipe": profile.semseg, **encoder_weights(profile, profile.semseg.encoder), **inputs})

    def registered(self) -> str:
        """The model's name in the registry."""
        return f"oi-semseg-{self.cluster}"

    def still_good(self, io: JobIO, output: Output) -> bool:
        """A model is reused while the registry still has its version."""
        return io.tracking.version_exists(self.registered(), output.result["model_version"])

    def run(self, io: JobIO) -> Result:
        """Set up, fit, validate, register."""
        from oi_tasks.training.run import train_and_register
        from oi_tasks.training.schedules import stages_of

        recipe = self.recipe
        io.tracking.check()
        learner, backbone = self._setup(io)
        stages = stages_of(recipe, learner.model.encoder)
        done = train_and_register(
            io,
            learner,
            stages,
            recipe,
            self.registered(),
            backbone,
            lambda scores: self._describe(learner.train.index, backbone, scores),
        )
        return self.Result(cluster=self.cluster, **done)

    def _setup(self, io: JobIO) -> "tuple[SemsegLearner, str]":
        """The untrained model with the cluster's photos, and its backbone. Raises BadInput when no photo has boxes."""
        from oi_tasks.io.shard_cache import ShardCache
        from oi_tasks.io.shards import ShardReader
        from oi_tasks.models.semseg import Semseg
        from oi_tasks.training.device import prepare
        from oi_tasks.training.encoders import EncoderSource
        from oi_tasks.training.practice import Practice
        from oi_tasks.training.semseg import ClusterPhotos, SemsegLearner

        device = prepare(self.recipe.seed)
        dataset = io.input("shards", self.dataset)
        cache = ShardCache(dataset)
        readers = ShardReader(dataset, "train", cache=cache), ShardReader(dataset, "tune", cache=cache)
        index = readers[0].index
        classes = index.positions(index.cluster(self.cluster).classes)
        train, tune = (ClusterPhotos(reader, classes, self.recipe.negatives) for reader in readers)
        if train.with_boxes == 0:
            raise BadInput(f"no photo of the train split has a box of the cluster {self.cluster}", code="no_data")
        recipe = self.recipe
        encoder = EncoderSource.of(io, recipe.encoder, self.weights, self.classifier, "semseg")
        model, backbone = encoder.fill(Semseg(encoder.backbone, len(classes))), encoder.backbone
        learner = SemsegLearner(
            model,
            train,
            tune,
            recipe.batch,
            device,
            classes,
            recipe.stride,
            recipe.loss,
            Practice.of(recipe),
            recipe.depictions,
        )
        return learner, backbone

    def _describe(self, index: "DatasetIndex", backbone: str, scores: "Scores") -> "ModelMeta":
        from oi_tasks.models.saved import ModelMeta

        classes = index.cluster(self.cluster).classes
        names = {entry.label: entry.name for entry in index.classes}
        return ModelMeta(
            kind="semseg",
            backbone=backbone,
            classes=classes,
            names=tuple(names[mid] for mid in classes),
            thresholds=tuple(scores.thresholds),
            canvases=index.canvases,
            cluster=self.cluster,
            loss=self.recipe.loss,
            activation="sigmoid",
            stride=self.recipe.stride,
            dataset=self.dataset,
        )
