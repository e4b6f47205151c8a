"""The log of a pod in the log of its task, every line once, while the pod runs and after it has ended.

The provider reads "since so many whole seconds ago" by the clock of the reader, and so loses or repeats up to a second
of lines at each reading. Here a reading goes on behind the last line that was logged, by that line's own time stamp.
It is a plugin because the triggerer, which reads while the pod runs, imports from here and not from the DAGs.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from math import ceil
from typing import Any

from airflow.providers.cncf.kubernetes.triggers.pod import KubernetesPodTrigger
from airflow.providers.cncf.kubernetes.utils.pod_manager import AsyncPodManager
from kubernetes.client import models as k8s

MARGIN = 60  # seconds to read again: the clocks of the node and of the reader may differ by as much
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d)")
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def seconds_back(last: str | None) -> int | None:
    """How far to read back, to meet the line of this time stamp; None for all."""
    if last is None:
        return None
    return max(1, ceil((datetime.now(UTC) - datetime.fromisoformat(last)).total_seconds())) + MARGIN


def lines_after(lines: Iterable[str], last: str | None) -> list[str]:
    """Those behind the line of this time stamp.

    Each line begins with its time stamp, of which a node writes all nine decimals always: their order is that of time.
    """
    return [line for line in lines if last is None or stamp(line) > last]


def stamp(line: str) -> str:
    """When a line was written, in the words of the node; empty for words of the kubelet's own, such as an error."""
    first = line.partition(" ")[0].rstrip("\n")
    return first if STAMP.fullmatch(first) else ""


def last_stamp(lines: Sequence[str], before: str | None) -> str | None:
    """The time stamp to read on from."""
    return next((found for line in reversed(lines) if (found := stamp(line))), before)


class PodLogReader(AsyncPodManager):
    """Logs what is new of a running pod."""

    async def fetch_container_logs_before_current_sec(
        self, pod: k8s.V1Pod, container_name: str, since_time: str | None = None
    ) -> str | None:
        """Log the lines behind a time stamp. Returns that of the last line now."""
        read = await self._hook.read_logs(
            name=pod.metadata.name,
            namespace=pod.metadata.namespace,
            container_name=container_name,
            since_seconds=seconds_back(since_time),
        )
        new = lines_after(read, since_time)
        # It ends before lines of the second that it is given, to leave them to the next reading: here to none.
        await asyncio.to_thread(self._emit_container_logs, new, LONG_AGO, container_name)
        return last_stamp(new, since_time)


class PodLogTrigger(KubernetesPodTrigger):
    """Waits for a pod, and logs what it says meanwhile."""

    @classmethod
    def of(cls, trigger: KubernetesPodTrigger) -> "PodLogTrigger":
        """The same as another."""
        return cls(**KubernetesPodTrigger.serialize(trigger)[1])

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the triggerer makes it of."""
        return "pod_logs.PodLogTrigger", super().serialize()[1]

    @cached_property
    def pod_manager(self) -> AsyncPodManager:
        """What reads the log."""
        return PodLogReader(async_hook=self.hook)
