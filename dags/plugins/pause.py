"""A pause of a task that holds no worker, and of which its log says nothing.

Airflow's own triggers of time say that they sleep, second after second. It is a plugin because the triggerer imports
from here and not from the DAGs.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent


class Pause(BaseTrigger):  # type: ignore[misc]
    """Waits for some seconds; a triggerer that is started anew waits from the start."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the triggerer makes it of."""
        return "pause.Pause", {"seconds": self.seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then say so."""
        await asyncio.sleep(self.seconds)
        yield TriggerEvent({"waited": self.seconds})
