"""Where the encoder of a segmentation model or a detector comes from: the trained classifier, or weights of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from oi_tasks.errors import BadInput
from oi_tasks.models.detector import Detector
from oi_tasks.models.saved import load_trained
from oi_tasks.models.semseg import Semseg
from oi_tasks.models.weights import WeightsSetting, load_backbone, load_pretrained
from oi_tasks.profile.training import FROM_CLASSIFIER

if TYPE_CHECKING:
    from oi_tasks.jobs.base import JobIO

M = TypeVar("M", Semseg, Detector)


@dataclass(frozen=True)
class EncoderSource:
    """The backbone that a recipe names, and what fills it."""

    backbone: str
    _into: Callable[[Semseg | Detector], None]

    @classmethod
    def of(cls, io: "JobIO", encoder: str, weights: WeightsSetting, classifier: str | None, part: str) -> Self:
        """`encoder` as in the profile; `weights` of one that timm names; `part` of the profile, for what is said.

        Raises BadInput when it comes from the classifier and none is given.
        """
        if encoder != FROM_CLASSIFIER:
            return cls(encoder, lambda model: load_pretrained(model.encoder, encoder, weights, io.store, io.scratch))
        if classifier is None:
            fix = f"give the id of a classifier, or set {part}.encoder to a timm model name"
            raise BadInput("the encoder comes from the classifier, and none is given", fix=fix, code="field")
        trained, meta = load_trained(io.input("train_classifier", classifier), io.scratch)
        state = trained.encoder.backbone.state_dict()
        return cls(meta.backbone, lambda model: load_backbone(model.encoder, state, f"train_classifier/{classifier}"))

    def fill(self, model: M) -> M:
        """The untrained model, its encoder filled. Raises BadInput for weights that do not fit."""
        self._into(model)
        return model
