"""What is asked of the data."""

from pydantic import Field

from oi_tasks.profile.parts import Part, Share


class Quality(Part):
    """What the data gate asks of a snapshot."""

    max_quarantined: Share = Field(0.001, description="largest share of rows and photos that may be set apart")
    mostly: Share = Field(0.999, description="share of rows that must keep a warning-level rule")
