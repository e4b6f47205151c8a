"""What is asked of the data."""

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from oi_tasks.profile.parts import Part, Share


class Drift(Part):
    """How far a snapshot may differ from the last accepted one before a warning says so."""

    rows: NonNegativeFloat = Field(0.5, description="largest change of a table's rows, as a share of those before")
    psi: NonNegativeFloat = Field(0.2, description="largest population stability index of labels, sizes and flags")
    label_growth: float = Field(2.0, ge=1, description="largest multiple of the rows that a label had")
    label_rows: NonNegativeInt = Field(20, description="rows a label must have had for its growth to be judged")


class Quality(Part):
    """What the data gate asks of a snapshot."""

    max_quarantined: Share = Field(0.001, description="largest share of rows and photos that may be set apart")
    mostly: Share = Field(0.999, description="share of rows that must keep a warning-level rule")
    drift: Drift = Field(default_factory=Drift, description="how far it may differ from the last accepted snapshot")
