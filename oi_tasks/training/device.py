"""Where training runs, and what makes it run the same again."""

import os
import random
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from oi_tasks.training.ranks import join, ranks

CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def prepare(seed: int) -> torch.device:
    """Seed all random generators, use as many threads as there are cores, and choose the GPU if there is one.

    `OMP_NUM_THREADS` asks for another number of threads: with fewer free cores than threads torch is many times slower.
    Where `torchrun` started several processes they meet here.

    On the CPU only deterministic algorithms are used: equal seeds and threads give equal weights, bit for bit.
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, cores() // ranks()))
    if torch.cuda.is_available():
        return join(torch.device("cuda"))
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # only costs time: no kernel here reads such memory
    return join(torch.device("cpu"))


def cores() -> int:
    """Cores of this process: in a pod its limit, which torch does not see and would start far too many threads."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = CGROUP_LIMIT.read_text().split()
    except (OSError, ValueError):
        return allowed
    return allowed if quota == "max" else max(1, min(allowed, round(int(quota) / int(period))))


def alone() -> None:
    """Let torch compute with this thread alone, in this thread; for threads that decode beside a network.

    Else each of them starts threads of its own, and OpenMP, which counts more than there are cores, no longer lets
    those of the network wait actively for each other: on 2 cores a step then takes up to a fifth longer.
    """
    torch.get_num_threads()  # the first call in a thread sets the number that is then changed
    threadpool_limits(1, user_api="openmp")
