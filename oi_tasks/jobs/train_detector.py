"""Train a single-stage detector to compare the cascade with, and register it."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field

from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Output
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Detector as Recipe
from oi_tasks.profile import Profile, Weights
from oi_tasks.profile.training import encoder_weights

if TYPE_CHECKING:
    from oi_tasks.io.shards import DatasetIndex
    from oi_tasks.models.saved import ModelMeta
    from oi_tasks.training.detector import DetectorLearner
    from oi_tasks.training.learner import Scores

REGISTERED = "oi-detector"
CANDIDATE = "candidate"


class TrainDetector(Job):
    """Train one detector of the classes of all clusters, on the photos with their boxes; thresholds are set on `tune`.

    Publishes `model.safetensors`, `model.json` and `curves.json`, and registers a version of `oi-detector`, which the
    alias `candidate` points to. No model is promoted by it.
    """

    resumable: ClassVar[bool] = True
    dataset: OutputId = Field(description="id of the dataset (shards)")
    classifier: OutputId | None = Field(None, description="id of the classifier, for an encoder from it")
    recipe: Recipe = Field(default_factory=Recipe, description="encoder, epochs and rates")
    weights: Literal["none", "imagenet"] | Weights = Field("none", description="of an encoder that timm names")

    class Result(JobResult):
        """The MLflow run, the registered version, and its scores on the tune photos."""

        mlflow_run: str
        model_version: int
        metrics: dict[str, float]

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's detector; an encoder of its own begins with the weights that the classifier begins with."""
        return cls(**{"recipe": profile.detector, **encoder_weights(profile, profile.detector.encoder), **inputs})

    def still_good(self, io: JobIO, output: Output) -> bool:
        """A model is reused while the registry still has its version."""
        return io.tracking.version_exists(REGISTERED, output.result["model_version"])

    def run(self, io: JobIO) -> Result:
        """Set up, fit, validate, register."""
        from oi_tasks.io.class_map import class_map_facts
        from oi_tasks.training.run import train_and_register
        from oi_tasks.training.schedules import stages_of

        recipe = self.recipe
        io.tracking.check()
        facts = class_map_facts(io.outputs, io.input("shards", self.dataset))
        learner, backbone = self._setup(io, facts["ancestors"])
        stages = stages_of(recipe, learner.model.encoder)
        done = train_and_register(
            io,
            learner,
            stages,
            recipe,
            REGISTERED,
            backbone,
            lambda scores: self._describe(learner.train.index, backbone, scores, facts),
        )
        io.tracking.set_alias(REGISTERED, CANDIDATE, done["model_version"])
        return self.Result(**done)

    def _setup(self, io: JobIO, ancestors: dict[str, Any]) -> "tuple[DetectorLearner, str]":
        """The untrained detector with its photos, and its backbone. Raises BadInput when no photo has boxes."""
        from oi_tasks.io.shard_cache import ShardCache
        from oi_tasks.io.shards import ShardReader
        from oi_tasks.models.detector import Detector
        from oi_tasks.training.detector import DetectorLearner
        from oi_tasks.training.device import prepare
        from oi_tasks.training.encoders import EncoderSource
        from oi_tasks.training.practice import Practice
        from oi_tasks.training.semseg import ClusterPhotos

        recipe = self.recipe
        device = prepare(recipe.seed)
        dataset = io.input("shards", self.dataset)
        cache = ShardCache(dataset)
        readers = ShardReader(dataset, "train", cache=cache), ShardReader(dataset, "tune", cache=cache)
        index = readers[0].index
        classes = index.positions(_classes(index))
        train, tune = (ClusterPhotos(reader, classes, recipe.negatives) for reader in readers)
        if train.with_boxes == 0:
            fix = "the classes are those of the clusters that have enough photos: see clusters.min_photos"
            raise BadInput("no photo of the train split has a box that a detector can learn", fix=fix, code="no_data")
        encoder = EncoderSource.of(io, recipe.encoder, self.weights, self.classifier, "detector")
        model = encoder.fill(Detector(encoder.backbone, len(classes), recipe.width))
        return DetectorLearner(
            model, train, tune, recipe.batch, device, classes, ancestors, Practice.of(recipe)
        ), encoder.backbone

    def _describe(self, index: "DatasetIndex", backbone: str, scores: "Scores", facts: dict[str, Any]) -> "ModelMeta":
        from oi_tasks.models.saved import ModelMeta

        classes = _classes(index)
        names = {entry.label: entry.name for entry in index.classes}
        own = {label: cls for label, cls in facts["labels"].items() if cls in classes}
        return ModelMeta(
            kind="detector",
            backbone=backbone,
            width=self.recipe.width,
            classes=classes,
            names=tuple(names[mid] for mid in classes),
            thresholds=tuple(scores.thresholds),
            canvases=index.canvases,
            loss="focal+l1",
            activation="sigmoid",
            dataset=self.dataset,
            labels=own,
            ancestors={label: above for label, above in facts["ancestors"].items() if label in classes},
            unverified=facts["unverified"],
        )


def _classes(index: "DatasetIndex") -> tuple[str, ...]:
    """The classes of all clusters that are trained: those that the cascade finds boxes of."""
    return tuple(label for cluster in index.clusters if cluster.trained for label in cluster.classes)
