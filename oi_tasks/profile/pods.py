"""What pods ask for."""

from pydantic import Field, NonNegativeInt

from oi_tasks.profile.parts import Part


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
