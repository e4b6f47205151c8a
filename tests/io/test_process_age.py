"""The age of a process, which counts as its job's time."""

import subprocess
import sys
import time

SAYS = "import time; time.sleep(0.5); from oi_tasks.io.usage import process_age; print(process_age())"


def test_it_counts_from_the_start_of_the_process_and_not_of_the_job() -> None:
    began = time.monotonic()
    said = float(subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True, check=True).stdout)
    assert 0.5 <= said <= time.monotonic() - began + 0.02  # it is told to 0.01 s
