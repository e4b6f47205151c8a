"""The models and their recipes."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from oi_tasks.profile.parts import Part, Share


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
    head: Literal["adaptive", "strip_conv", "pool_then_strip_conv"] = Field(
        "adaptive", description="average pooling; strips 1×N and N×1 in its place; or pooling to 16 cells, then strips"
    )
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
