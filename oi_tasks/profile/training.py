"""The models and their recipes."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from oi_tasks.profile.parts import Part, Share

if TYPE_CHECKING:
    from oi_tasks.profile.profile import Profile

FROM_CLASSIFIER = "from classifier"


class Epochs(Part):
    """How long each stage trains."""

    frozen: NonNegativeInt = Field(4, description="epochs with a frozen encoder")
    each_stage: NonNegativeInt = Field(
        0, description="then epochs as each stage of the encoder joins in, from the top; 0: all at once"
    )
    unfrozen: NonNegativeInt = Field(12, description="epochs with the whole network")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.frozen + self.each_stage + self.unfrozen == 0:
            raise ValueError("no epoch is asked for")
        return self


class Weights(Part):
    """A file of pretrained weights."""

    address: str = Field(description="a file, a web address, or python-package:NAME/PATH for a file inside a package")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = Field(description="its sha256")
    layout: Literal["named", "ordered"] = Field("named", description="match tensors by name, or by order and shape")


class Schedule(Part):
    """How learning rates move over the steps of a stage."""

    kind: Literal["one_cycle", "cosine_restarts", "triangular", "exp_range", "constant"] = Field(
        "one_cycle", description="how rates move; `rate` and `encoder_rate` are the highest"
    )
    cycle: PositiveFloat = Field(1.0, description="epochs of a cycle; of the first one for cosine_restarts")
    growth: PositiveInt = Field(2, description="cosine_restarts: length of each cycle, as a multiple of the last")
    floor: Share = Field(0.05, description="triangular, exp_range: lowest rate, as a share of the highest")
    decay: Share = Field(0.8, description="exp_range: what an epoch leaves of the amplitude")


class Sampling(Part):
    """Which photos an epoch shows."""

    kind: Literal["uniform", "weighted"] = Field(
        "uniform", description="every photo once, or drawn with replacement, those with rare classes more often"
    )
    power: Share = Field(0.5, description="weighted: 1 makes all classes equally frequent, 0 changes nothing")


class Augment(Part):
    """What is changed in photos while the encoder learns."""

    share: Share = Field(1.0, description="share of photos that are changed, drawn anew in each epoch")
    set: Literal["minor", "modest"] = Field(
        "minor", description="minor: crops of 70 % or more, mirrored; modest: of 50 % or more, and light and colour"
    )


class Average(Part):
    """The model that is kept: the last weights, or an average of weights."""

    kind: Literal["none", "ema", "swa"] = Field("none", description="none, exponential moving average, or SWA")
    decay: Share = Field(0.995, description="ema: what a step leaves of the average")
    epochs: PositiveInt = Field(3, description="swa: further epochs, whose ends are averaged")
    rate: Share = Field(0.1, description="swa: the constant rate of these epochs, as a share of the highest")


class Checkpoints(Part):
    """What is kept while a training runs; all of it is dropped when the model is published."""

    keep: PositiveInt = Field(2, description="states kept, the newest ones")
    minutes: Annotated[float, Field(ge=0)] = Field(10.0, description="minutes between states within an epoch")
    choose: Literal["last", "best"] = Field(
        "last", description="publish the last model, or the best on the tune photos"
    )


class Recipe(Part):
    """How a model is trained, whatever it is."""

    epochs: Epochs = Field(default_factory=Epochs, description="length of each stage")
    batch: PositiveInt = Field(64, description="photos in a batch")
    rate: PositiveFloat = Field(1e-3, description="highest learning rate, of all but the encoder")
    encoder_rate: PositiveFloat = Field(1e-4, description="highest learning rate of the encoder once unfrozen")
    stage_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="rate of each stage of the encoder, as a share of the one above it"
    )
    norm_eval: bool = Field(
        False, description="normalisation layers of the encoder keep their statistics while it learns"
    )
    schedule: Schedule = Field(default_factory=Schedule, description="how rates move")
    augment: Augment = Field(default_factory=Augment, description="what is changed in photos")
    average: Average = Field(default_factory=Average, description="an average of weights in place of the last ones")
    accumulate: PositiveInt = Field(1, description="parts that a batch is computed in, to save memory")
    precision: Literal["fp32", "bf16", "fp16"] = Field("fp32", description="of the network's arithmetic")
    channels_last: bool = Field(True, description="keep photos and maps with channels innermost")
    compile: bool = Field(False, description="compile the network with torch.compile")
    checkpoints: Checkpoints = Field(default_factory=Checkpoints, description="what is kept while it trains")
    seed: NonNegativeInt = Field(0, description="seed of everything random")


class Classifier(Recipe):
    """The classifier and its recipe."""

    backbone: str = Field("resnet152", description="a timm model name")
    weights: Literal["none", "imagenet"] | Weights = Field(
        "imagenet", description="none, imagenet, or an address with its sha256"
    )
    head: Literal["adaptive", "strip_conv", "pool_then_strip_conv"] = Field(
        "adaptive", description="average pooling; strips 1×N and N×1 in its place; or pooling to 16 cells, then strips"
    )
    mirror: bool = Field(
        False, description="read the mean of what the encoder sees of a photo and of its mirror image: twice the time"
    )
    loss: Literal["bce", "focal", "asymmetric", "softmax"] = Field(
        "focal", description="softmax fits photos that show one class each"
    )
    sampling: Sampling = Field(default_factory=Sampling, description="which photos an epoch shows")


class UnfrozenEpochs(Epochs):
    """How long each stage trains, where by default the whole network learns from the start."""

    frozen: NonNegativeInt = Field(0, description="epochs with a frozen encoder")
    unfrozen: NonNegativeInt = Field(20, description="epochs with the whole network")


class OfBoxes(Recipe):
    """What the recipes of models have in common that learn from boxes."""

    encoder: str = Field(FROM_CLASSIFIER, description="from classifier, or a timm model name")
    epochs: UnfrozenEpochs = Field(default_factory=UnfrozenEpochs, description="length of each stage")
    negatives: Share = Field(
        0.25, description="photos without any of the model's classes, as a share of those with boxes of them"
    )

    @model_validator(mode="before")
    @classmethod
    def _as_it_was(cls, fields: Any) -> Any:
        """A dataset that was published before there were stages carries a profile with a number, and `frozen`."""
        if not isinstance(fields, dict) or not isinstance(fields.get("epochs"), int):
            return fields
        kept = {name: value for name, value in fields.items() if name != "frozen"}
        stages = {"frozen": 0, "unfrozen": 0} | {"frozen" if fields.get("frozen") else "unfrozen": fields["epochs"]}
        return kept | {"epochs": stages}


class Semseg(OfBoxes):
    """The segmentation models and their recipe."""

    stride: Literal[8] = Field(8, description="photo pixels for each mask cell")
    batch: PositiveInt = Field(32, description="photos in a batch")
    loss: Literal["bce+dice", "focal+dice"] = Field(
        "bce+dice", description="soft Dice with binary cross entropy, or with the focal loss, which favours hard cells"
    )
    depictions: Literal["keep", "ignore", "drop"] = Field(
        "keep",
        description="cells of boxes of drawings or photos of objects (IsDepiction): the class, unknown, or background",
        exclude_if=lambda value: value == "keep",  # masks trained before there was a choice keep their content key
    )


class Detector(OfBoxes):
    """The single-stage detector that the cascade is compared with, and its recipe."""

    width: PositiveInt = Field(
        256,
        multiple_of=64,
        description="channels of the maps that boxes are found on, a multiple of 64; fewer are faster",
    )
    batch: PositiveInt = Field(16, description="photos in a batch")


def encoder_weights(profile: "Profile", encoder: str) -> dict[str, Any]:
    """The field `weights` of an encoder of its own: those that the classifier begins with."""
    return {} if encoder == FROM_CLASSIFIER else {"weights": profile.classifier.weights}
