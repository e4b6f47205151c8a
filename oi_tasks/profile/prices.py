"""What machines and the store cost, to tell what a run did."""

from typing import Annotated

from pydantic import Field

from oi_tasks.profile.parts import Part

NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Prices(Part):
    """Prices, in one currency."""

    cpu_hour: NotNegative = Field(0.0, description="an hour of a core")
    gpu_hour: NotNegative = Field(0.0, description="an hour of a GPU")
    gb_month: NotNegative = Field(0.0, description="a gigabyte stored for a month")
    currency: str = Field("EUR", min_length=1, max_length=8, description="as it is shown beside a price")
