"""A training that is ended while it learns, gone on, and run once more from the start."""

import json
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from oi_tasks.core.fingerprint import sha256_of_file
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import WORK

SAVED = 75  # exit status of a job that kept its state


EACH_STEP = {"minutes": 0.0}
"""Checkpoints after each step: such a training can be ended where it is wanted, however fast the machine is."""


def demand_equal_weights(
    words: Sequence[str], environment: Mapping[str, str], outputs: Outputs, job: str, steps: int
) -> str:
    """Assert that both have equal weights, bit for bit. Returns what the stopped run said.

    It is ended when it has kept a state of at least so many steps, as `EACH_STEP` makes it.
    """

    def states() -> set[str]:
        return {key for key in outputs.store.list(WORK, f"checkpoints/{job}/") if "/state-" in key}

    before, until = states(), time.monotonic() + 300
    first = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while not any(int(key.rpartition("-")[2]) >= steps for key in states() - before):
        assert first.poll() is None, f"it ended by itself: {first.communicate()[1]}"
        assert time.monotonic() < until, f"it has not come to step {steps}"
        time.sleep(0.02)
    first.send_signal(signal.SIGTERM)
    _, said = first.communicate(timeout=120)
    assert first.returncode == SAVED, said

    def weights(*more: str) -> tuple[str, str]:
        done = subprocess.run([*words, *more], env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        output = outputs.get(job, json.loads(done.stdout)["id"])
        return sha256_of_file(output.local("model.safetensors")), done.stderr

    resumed, told = weights()
    assert "goes on after" in told
    whole, told = weights("--force")
    assert "goes on after" not in told
    assert resumed == whole
    return said
