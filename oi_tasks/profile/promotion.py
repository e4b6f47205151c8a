"""Who lets a candidate through that passed the gate: nobody more, or a person."""

from typing import Literal

Promotion = Literal["automatic", "approval"]
