"""What the parts of a profile are made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Mid = Annotated[str, Field(pattern=r"^/[a-z]/[0-9a-z_]+$")]


class Part(BaseModel):
    """A part of the profile: unknown fields are refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
