"""The profile: one file that configures a whole pipeline. Every field has a default that serves."""

from typing import Annotated, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from oi_tasks.profile.ablation import Ablation, variants
from oi_tasks.profile.classes import Classes, Clusters
from oi_tasks.profile.gate import Gate
from oi_tasks.profile.parts import Part
from oi_tasks.profile.photos import Photos, Splits
from oi_tasks.profile.pods import Pods
from oi_tasks.profile.prices import Prices
from oi_tasks.profile.promotion import Promotion
from oi_tasks.profile.quality import Quality
from oi_tasks.profile.release import ReleaseSpec
from oi_tasks.profile.training import Classifier, Detector, Semseg


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
    detector: Detector = Field(default_factory=Detector, description="the baseline to compare with")
    gate: Gate = Field(default_factory=Gate, description="what a model must reach")
    promotion: Promotion = Field("automatic", description="what passes is promoted: at once, or when a person approves")
    approval_hours: PositiveFloat = Field(24.0, description="how long a person is waited for; then it is refused")
    keep_days: PositiveInt = Field(90, description="what is older and referred to by nothing may be removed")
    ablation: Ablation = Field(default_factory=Ablation, description="what oi_ablation tries")
    pods: Pods = Field(default_factory=Pods, description="what pods ask for")
    prices: Prices | None = Field(None, description="what machines and the store cost; none: a run has no price")

    @model_validator(mode="after")
    def _variants_can_be(self) -> Self:
        """A variant with a field that there is not is said when the profile is read, not after an hour of training."""
        list(variants(self))
        return self
