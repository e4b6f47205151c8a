"""Train the classifier, and register it."""

from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field

from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Output
from oi_tasks.jobs.base import Job, JobIO, JobResult, OutputId
from oi_tasks.profile import Classifier as Recipe
from oi_tasks.profile import Profile

if TYPE_CHECKING:
    from oi_tasks.models.saved import ModelMeta
    from oi_tasks.training.classifier import ClassifierLearner
    from oi_tasks.training.learner import Scores

REGISTERED = "oi-classifier"


class TrainClassifier(Job):
    """Train the classifier: its head on a frozen encoder first, then all layers; thresholds are set on `tune`.

    Publishes `model.safetensors`, `model.json`, `curves.json` and `tune.parquet` (what it says of the tune photos), and
    registers a version of `oi-classifier`.
    """

    version: ClassVar[str] = "2"
    resumable: ClassVar[bool] = True
    dataset: OutputId = Field(description="id of the dataset (shards)")
    recipe: Recipe = Field(default_factory=Recipe, description="backbone, weights, loss, stages and rates")

    class Result(JobResult):
        """The MLflow run, the registered version, and its scores on the tune photos."""

        mlflow_run: str
        model_version: int
        metrics: dict[str, float]

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's classifier."""
        return cls(**{"recipe": profile.classifier, **inputs})

    def still_good(self, io: JobIO, output: Output) -> bool:
        """A model is reused while the registry still has its version."""
        return io.tracking.version_exists(REGISTERED, output.result["model_version"])

    def run(self, io: JobIO) -> Result:
        """Set up, fit, validate, register."""
        from oi_tasks.io.said import TUNE
        from oi_tasks.training.run import train_and_register
        from oi_tasks.training.schedules import stages_of

        io.tracking.check()
        learner = self._setup(io)
        stages = stages_of(self.recipe, learner.model.encoder)
        done = train_and_register(
            io,
            learner,
            stages,
            self.recipe,
            REGISTERED,
            self.recipe.backbone,
            lambda scores: self._describe(io, learner, scores),
        )
        learner.said.write(io.out / TUNE)
        return self.Result(**done)

    def _setup(self, io: JobIO) -> "ClassifierLearner":
        """The untrained classifier with its photos. Raises BadInput when none is there to train on."""
        from oi_tasks.io.shard_cache import ShardCache
        from oi_tasks.io.shards import ShardReader
        from oi_tasks.models.classifier import Classifier
        from oi_tasks.models.weights import load_pretrained
        from oi_tasks.training.classifier import ClassifierLearner
        from oi_tasks.training.device import prepare
        from oi_tasks.training.practice import Practice
        from oi_tasks.training.seen import SeenPhotos

        device = prepare(self.recipe.seed)
        dataset = io.input("shards", self.dataset)
        cache = ShardCache(dataset)
        train, tune = (ShardReader(dataset, split, cache=cache) for split in ("train", "tune"))
        if len(train) == 0:
            raise BadInput("the dataset has no photo to train on", where=f"shards/{self.dataset}", code="no_data")
        side = max(max(size) for size in train.index.canvases.values())
        recipe = self.recipe
        model = Classifier(recipe.backbone, len(train.index.classes), recipe.head, side, recipe.mirror)
        load_pretrained(model.encoder, recipe.backbone, recipe.weights, io.store, io.scratch)
        practice, seen = Practice.of(recipe, recipe.sampling), SeenPhotos(io.settings.cache / "features")
        return ClassifierLearner(model, train, tune, recipe.batch, device, recipe.loss, practice, seen)

    def _describe(self, io: JobIO, learner: "ClassifierLearner", scores: "Scores") -> "ModelMeta":
        from oi_tasks.io.class_map import class_map_facts
        from oi_tasks.models.saved import ModelMeta

        index = learner.train.index
        return ModelMeta(
            kind="classifier",
            backbone=self.recipe.backbone,
            head=self.recipe.head,
            mirror=self.recipe.mirror,
            classes=tuple(entry.label for entry in index.classes),
            names=tuple(entry.name for entry in index.classes),
            thresholds=tuple(scores.thresholds),
            canvases=index.canvases,
            loss=self.recipe.loss,
            activation=learner.activation,
            dataset=self.dataset,
            **class_map_facts(io.outputs, learner.train.dataset),
        )
