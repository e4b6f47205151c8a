"""Train the segmentation model of one cluster, and register it."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field

from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Output
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Profile, Weights
from oi_tasks.profile import Semseg as Recipe

if TYPE_CHECKING:
    from oi_tasks.io.shards import DatasetIndex
    from oi_tasks.models.saved import ModelMeta
    from oi_tasks.models.semseg import Semseg
    from oi_tasks.training.learner import Scores
    from oi_tasks.training.semseg import SemsegLearner

FROM_CLASSIFIER = "from classifier"


class TrainSemseg(Job):
    """Train the segmentation model of one cluster on the photos with its boxes; thresholds are set on `tune`.

    Publishes `model.safetensors`, `model.json` and `curves.json`, and registers a version of `oi-semseg-<cluster>`.
    """

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
        own = profile.semseg.encoder != FROM_CLASSIFIER
        return cls(**{"recipe": profile.semseg, **({"weights": profile.classifier.weights} if own else {}), **inputs})

    def registered(self) -> str:
        """The model's name in the registry."""
        return f"oi-semseg-{self.cluster}"

    def still_good(self, io: JobIO, output: Output) -> bool:
        """A model is reused while the registry still has its version."""
        return io.tracking.version_exists(self.registered(), output.result["model_version"])

    def run(self, io: JobIO) -> Result:
        """Set up, fit, validate, register."""
        from oi_tasks.training.run import train_and_register
        from oi_tasks.training.schedules import transfer_stages

        recipe = self.recipe
        frozen, unfrozen = (recipe.epochs, 0) if recipe.frozen else (0, recipe.epochs)
        stages = transfer_stages(frozen, unfrozen, recipe.rate, recipe.encoder_rate)
        io.tracking.check()
        learner, backbone = self._setup(io)
        params = {"cluster": self.cluster, "backbone": backbone, **recipe.model_dump(mode="json")}
        done = train_and_register(
            io,
            learner,
            stages,
            recipe.seed,
            self.registered(),
            params,
            lambda scores: self._describe(learner.train.index, backbone, scores),
        )
        return self.Result(cluster=self.cluster, **done)

    def _setup(self, io: JobIO) -> "tuple[SemsegLearner, str]":
        """The untrained model with the cluster's photos, and its backbone. Raises BadInput when no photo has boxes."""
        from oi_tasks.io.shards import ShardReader
        from oi_tasks.training.device import prepare
        from oi_tasks.training.semseg import ClusterPhotos, SemsegLearner

        device = prepare(self.recipe.seed)
        dataset = io.input("shards", self.dataset)
        readers = ShardReader(dataset, "train"), ShardReader(dataset, "tune")
        index = readers[0].index
        classes = index.positions(index.cluster(self.cluster).classes)
        train, tune = (ClusterPhotos(reader, classes, self.recipe.negatives) for reader in readers)
        if train.with_boxes == 0:
            raise BadInput(f"no photo of the train split has a box of the cluster {self.cluster}")
        model, backbone = self._model(io, len(classes))
        recipe = self.recipe
        learner = SemsegLearner(model, train, tune, recipe.batch, device, classes, recipe.stride, recipe.loss)
        return learner, backbone

    def _model(self, io: JobIO, classes: int) -> "tuple[Semseg, str]":
        """An untrained decoder on the encoder that the recipe names; and the name of its backbone."""
        from oi_tasks.models.saved import META, TENSORS, load_model
        from oi_tasks.models.semseg import Semseg
        from oi_tasks.models.weights import load_backbone, load_pretrained

        if self.recipe.encoder != FROM_CLASSIFIER:
            model = Semseg(self.recipe.encoder, classes)
            load_pretrained(model.encoder, self.recipe.encoder, self.weights, io.store, io.scratch)
            return model, self.recipe.encoder
        if self.classifier is None:
            fix = "give the id of a classifier, or set semseg.encoder to a timm model name"
            raise BadInput("the encoder comes from the classifier, and none is given", fix=fix)
        trained = io.input("train_classifier", self.classifier)
        folder = io.scratch / "classifier"
        folder.mkdir()
        for name in (TENSORS, META):
            (folder / name).symlink_to(trained.local(name))
        classifier, meta = load_model(folder)
        model = Semseg(meta.backbone, classes)
        load_backbone(model.encoder, classifier.encoder.backbone.state_dict(), f"train_classifier/{self.classifier}")
        return model, meta.backbone

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
