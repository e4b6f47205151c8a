"""A training that is ended while it learns, gone on, and run once more from the start."""

import json
import signal
import subprocess
from collections.abc import Mapping, Sequence

from oi_tasks.core.fingerprint import sha256_of_file
from oi_tasks.io.outputs import Outputs

SAVED = 75  # exit status of a job that kept its state


def demand_equal_weights(words: Sequence[str], environment: Mapping[str, str], outputs: Outputs, job: str) -> str:
    """Assert that both have equal weights, bit for bit. Returns what the stopped run said."""
    first = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert first.stderr is not None
    for line in first.stderr:
        if "unfrozen:" in line and "epoch" in line:
            break
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
