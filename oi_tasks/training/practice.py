"""How training is done, apart from what is trained: from a recipe of the profile, or its defaults."""

from dataclasses import dataclass, field
from typing import Literal

from oi_tasks.profile import Augment, Average, Checkpoints, Recipe, Sampling


@dataclass(frozen=True)
class Practice:
    """How training is done."""

    sampling: Sampling = field(default_factory=Sampling)
    augment: Augment = field(default_factory=Augment)
    average: Average = field(default_factory=Average)
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    accumulate: int = 1
    """Parts that a batch is computed in."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    channels_last: bool = True
    compile: bool = False
    norm_eval: bool = False
    """Whether normalisation layers of the encoder keep their statistics while it learns."""
    workers: int | None = None
    """Threads that decode and change photos; None: as many as there are cores, two at least."""

    @classmethod
    def of(cls, recipe: Recipe, sampling: Sampling | None = None) -> "Practice":
        """The practice that a recipe asks for."""
        return cls(
            sampling=sampling or Sampling(),
            augment=recipe.augment,
            average=recipe.average,
            checkpoints=recipe.checkpoints,
            accumulate=recipe.accumulate,
            precision=recipe.precision,
            channels_last=recipe.channels_last,
            compile=recipe.compile,
            norm_eval=recipe.norm_eval,
        )
