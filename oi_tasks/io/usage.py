"""What this process used: seconds of cores, with those of processes that it started and saw end, and of GPUs held."""

import os
import sys
import time
from pathlib import Path

from oi_tasks.core.cost import Used
from oi_tasks.io.store import Store


class Meter:
    """Counts from its making on. Of several processes that train together it takes this one for each of them."""

    def __init__(self, store: Store) -> None:
        self._store, self._stored = store, store.kept_bytes
        self._began, self._cpu = time.monotonic(), _cpu_seconds()

    def used(self) -> Used:
        """What was used up to now."""
        cpu = (_cpu_seconds() - self._cpu) * int(os.environ.get("WORLD_SIZE", "1"))
        gpu = (time.monotonic() - self._began) * _gpus()
        return Used(round(cpu, 6), round(gpu, 3), self._store.kept_bytes - self._stored)


def process_age() -> float:
    """Seconds since this process began, the start of Python and its imports included: by /proc, to 0.01 s."""
    began = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began


def _cpu_seconds() -> float:
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def _gpus() -> int:
    """GPUs that this process sees, and so keeps from others; none where it did not even ask for torch."""
    torch = sys.modules.get("torch")
    return torch.cuda.device_count() if torch is not None and torch.cuda.is_available() else 0
