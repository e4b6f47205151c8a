"""A DAG that must end within 18 seconds, and takes as long as its form says."""

import time
from typing import Any

from airflow.sdk import DAG, task
from notify import must_end_within


@task
def wait(params: dict[str, Any]) -> None:
    """Take so long."""
    time.sleep(params["seconds"])


with DAG("toy_late", schedule=None, max_active_runs=2, deadline=must_end_within(0.005), params={"seconds": 0}):
    wait()
