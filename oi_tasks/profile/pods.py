"""What pods ask for."""

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveFloat

from oi_tasks.profile.parts import Part

# How Kubernetes writes amounts: "500m" or "1.5" cores, "4Gi" or "800M" bytes.
Cores = Annotated[str, Field(pattern=r"^(\d+(\.\d+)?|\d+m)$")]
Bytes = Annotated[str, Field(pattern=r"^\d+(\.\d+)?([KMGT]i?|k)?$")]


class Pod(Part):
    """What a pod asks for."""

    cpu: Cores = Field("1", description="cores")
    memory: Bytes = Field("4Gi", description="memory")
    gpus: NonNegativeInt = Field(0, description="GPUs; a training takes a process for each")
    hours: PositiveFloat = Field(24, description="hours after which a pod that still runs is stopped")


class Pods(Part):
    """The two kinds of pod."""

    cpu: Pod = Field(default_factory=Pod, description="pods of every step but training")
    gpu: Pod = Field(default_factory=lambda: Pod(cpu="4", memory="32Gi", gpus=1), description="pods that train")
    queue: str = Field("", description="Kueue queue of training pods; empty: none")
