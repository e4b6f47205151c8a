"""The profile: one file that configures a whole pipeline. Every field has a default that serves."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt, ValidationError

from oi_tasks.errors import BadInput
from oi_tasks.settings import settings

Share = Annotated[float, Field(ge=0, le=1)]
Mid = Annotated[str, Field(pattern=r"^/[a-z]/[0-9a-z_]+$")]
SHIPPED = Path(__file__).parent / "profiles"


class Part(BaseModel):
    """A part of the profile: unknown fields are refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Drawn(Part):
    """A release drawn by the project's own code."""

    photos: PositiveInt = Field(600, description="how many photos to draw")
    seed: NonNegativeInt = Field(0, description="equal seeds draw equal releases, byte for byte")


class ReleaseSpec(Part):
    """Where the photos and their annotation come from."""

    kind: Literal["folder", "drawn"] = Field("folder", description="folders in the form of a release, or drawn photos")
    folders: tuple[str, ...] = Field(
        (), description="folders in the form of a release; variables such as $HOME are filled in"
    )
    splits: tuple[str, ...] = Field(("train",), description="which of the release's splits to take")
    drawn: Drawn = Field(default_factory=Drawn, description="what to draw, for kind: drawn")


class Quality(Part):
    """What the data gate asks of a snapshot."""

    max_quarantined: Share = Field(0.001, description="largest share of rows and photos that may be set apart")
    mostly: Share = Field(0.999, description="share of rows that must keep a warning-level rule")


class Override(Part):
    """A correction by hand to the class map, applied last and shown as such."""

    label: Mid = Field(description="MID of the label")
    action: Literal["keep", "drop", "merge"] = Field(description="keep as a class, drop, or merge into another class")
    into: Mid | None = Field(None, description="MID of the class, for merge")


class Classes(Part):
    """How labels collapse into classes."""

    max: PositiveInt = Field(76, description="largest number of classes")
    min_coverage: Share = Field(0.91, description="share of all boxes (or photos) that the classes must cover")
    count: Literal["boxes", "photos"] = Field("boxes", description="what a class's size is counted in")
    min_count: PositiveInt = Field(10_000, description="smallest class, in that count")
    unverified: Literal["ignore", "negative"] = Field(
        "ignore", description="a class not verified for a photo: unknown, or absent"
    )
    overrides: tuple[Override, ...] = Field((), description="corrections by hand")


class Clusters(Part):
    """Which classes share a segmentation model."""

    max: PositiveInt = Field(12, description="largest number of clusters")
    min_photos: PositiveInt = Field(500, description="a cluster with fewer photos with boxes is not trained")


class Splits(Part):
    """Shares of photos, by a hash of their id."""

    tune: Share = Field(0.1, description="photos that set thresholds")
    test: Share = Field(0.2, description="photos that are only ever evaluated")


class Photos(Part):
    """How photos are stored for training."""

    long_side: PositiveInt = Field(1024, description="longest side of the release's photos, in pixels")
    resolution: Annotated[float, Field(gt=0, le=1)] = Field(0.25, description="share of it to train at")
    quality: Annotated[int, Field(ge=50, le=100)] = Field(90, description="JPEG quality of the stored photos")
    per_shard: PositiveInt = Field(1000, description="photos in one shard")


class Epochs(Part):
    """How long each stage trains."""

    frozen: NonNegativeInt = Field(4, description="epochs with a frozen encoder")
    unfrozen: NonNegativeInt = Field(12, description="epochs with the whole network")


class Weights(Part):
    """A file of pretrained weights."""

    address: str = Field(description="a file, a web address, or python-package:NAME/PATH for a file inside a package")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = Field(description="its sha256")
    layout: Literal["named", "ordered"] = Field("named", description="match tensors by name, or by order and shape")


class Classifier(Part):
    """The classifier and its recipe."""

    backbone: str = Field("resnet152", description="a timm model name")
    weights: Literal["none", "imagenet"] | Weights = Field(
        "imagenet", description="none, imagenet, or an address with its sha256"
    )
    head: Literal["adaptive"] = Field("adaptive", description="pooling head")
    epochs: Epochs = Field(default_factory=Epochs, description="length of each stage")
    batch: PositiveInt = Field(64, description="photos in a batch")
    rate: PositiveFloat = Field(1e-3, description="highest learning rate, of the head")
    encoder_rate: PositiveFloat = Field(1e-4, description="highest learning rate of the encoder once unfrozen")
    loss: Literal["bce", "focal", "softmax"] = Field(
        "focal", description="softmax fits photos that show one class each"
    )
    seed: NonNegativeInt = Field(0, description="seed of everything random")


class Semseg(Part):
    """The segmentation models and their recipe."""

    encoder: str = Field("from classifier", description="from classifier, or a timm model name")
    stride: Literal[8] = Field(8, description="photo pixels for each mask cell")
    epochs: PositiveInt = Field(20, description="epochs with the whole network")
    batch: PositiveInt = Field(32, description="photos in a batch")
    rate: PositiveFloat = Field(1e-3, description="highest learning rate of the decoder")
    encoder_rate: PositiveFloat = Field(
        1e-4, description="highest learning rate of the encoder; it stays as it is if frozen"
    )
    frozen: bool = Field(False, description="keep the encoder as it is and train the decoder alone")
    negatives: Share = Field(0.25, description="photos without a class of the cluster, as a share of those with one")
    seed: NonNegativeInt = Field(0, description="seed of everything random")


class Threshold(Part):
    """What one number must reach."""

    floor: float | None = Field(None, description="smallest value that passes")
    may_lose: Annotated[float, Field(ge=0)] | None = Field(
        None, description="how much worse than the champion it may be"
    )


class Gate(Part):
    """Thresholds by number; a number without a threshold is shown, not judged. No thresholds: nothing passes."""

    classifier: dict[str, Threshold] = Field(default_factory=dict, description="numbers of the classifier")
    semseg: dict[str, Threshold] = Field(default_factory=dict, description="numbers of each cluster's model")
    cascade: dict[str, Threshold] = Field(default_factory=dict, description="numbers of the cascade")
    min_test_photos: PositiveInt = Field(20, description="fewer test photos than this judge nothing")


class Pod(Part):
    """What a pod asks for."""

    cpu: str = Field("1", description="cores")
    memory: str = Field("4Gi", description="memory")
    gpus: NonNegativeInt = Field(0, description="GPUs")


class Pods(Part):
    """The two kinds of pod."""

    cpu: Pod = Field(default_factory=Pod, description="pods of every step but training")
    gpu: Pod = Field(default_factory=lambda: Pod(cpu="4", memory="32Gi", gpus=1), description="pods that train")
    queue: str = Field("", description="Kueue queue of training pods; empty: none")


class Profile(Part):
    """A whole pipeline: the release, what is asked of it, what is trained, and what a model must reach."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$", description="name of the profile")]
    release: ReleaseSpec = Field(default_factory=ReleaseSpec, description="where the data comes from")
    quality: Quality = Field(default_factory=Quality, description="what the data gate asks")
    classes: Classes = Field(default_factory=Classes, description="how labels collapse into classes")
    clusters: Clusters = Field(default_factory=Clusters, description="which classes share a segmentation model")
    splits: Splits = Field(default_factory=Splits, description="shares of photos for tune and test")
    photos: Photos = Field(default_factory=Photos, description="how photos are stored for training")
    classifier: Classifier = Field(default_factory=Classifier, description="the classifier")
    semseg: Semseg = Field(default_factory=Semseg, description="the segmentation models")
    gate: Gate = Field(default_factory=Gate, description="what a model must reach")
    pods: Pods = Field(default_factory=Pods, description="what pods ask for")


def profile_files() -> dict[str, Path]:
    """All profiles by name: the shipped ones, and yours (`OI_PROFILES`), which win."""
    folders = [SHIPPED, *([settings().profiles] if settings().profiles else [])]
    return {path.stem: path for folder in folders if folder for path in sorted(folder.glob("*.yaml"))}


def load_profile(source: str) -> Profile:
    """A profile by its name, by the path of a YAML file, or as JSON. Raises BadInput naming what is wrong and where."""
    if source.lstrip().startswith("{"):
        where, text = "the profile given as JSON", source
    elif source.endswith((".yaml", ".yml")):
        path = Path(source)
        if not path.is_file():
            raise BadInput(f"there is no profile file {source}", fix="give the path of a YAML file, or a name")
        where, text = str(path), path.read_text(encoding="utf-8")
    else:
        files = profile_files()
        if source not in files:
            raise BadInput(f"there is no profile {source!r}", fix=f"choose one of {', '.join(sorted(files))}")
        where, text = str(files[source]), files[source].read_text(encoding="utf-8")
    return parse_profile(text, where)


def parse_profile(text: str, where: str) -> Profile:
    """A profile from YAML or JSON text. Raises BadInput naming the field that is wrong."""
    try:
        value = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (yaml.YAMLError, json.JSONDecodeError) as error:
        raise BadInput(f"the profile is not YAML: {' '.join(str(error).split())}", where) from None
    if not isinstance(value, dict):
        raise BadInput("the profile is not a mapping of fields", where)
    try:
        return Profile.model_validate(value)
    except ValidationError as error:
        raise BadInput(describe(error), where) from None


def describe(error: ValidationError) -> str:
    """What is wrong with a model's fields, in one line: the first fault, and how many more."""
    first, *more = error.errors()
    field = ".".join(str(part) for part in first["loc"] if not (isinstance(part, str) and part[:1].isupper()))
    kind: str = first["type"]
    if kind == "extra_forbidden":
        text = f"there is no field {field}"
    elif kind == "missing":
        text = f"the field {field} is missing"
    else:
        text = f"{field} cannot be {json.dumps(_short(first['input']))}: {first['msg'].lower()}"
    return text + (f" (and {len(more)} more)" if more else "")


def _short(value: Any) -> Any:
    text = str(value)
    return value if isinstance(value, (int, float, bool, type(None))) else text[:60]
