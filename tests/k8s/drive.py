"""A pod task taken through its life as Airflow does: execute, trigger, re-entry.

The operator, its trigger and the cluster are the real ones; left out are Airflow's database, scheduler and triggerer.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


class TaskInstance:
    """As much of a task instance as the operator asks for."""

    def __init__(self, job: str) -> None:
        self.dag_id, self.run_id, self.task_id, self.map_index = "oi_retrain", "manual__1", job, -1
        self.try_number, self.start_date = 1, datetime.now(UTC)
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep it."""
        self.pushed[key] = value


@dataclass
class Task:
    """A job's task in a DAG."""

    job: str
    profile: dict[str, Any]
    ti: TaskInstance = field(init=False)

    def __post_init__(self) -> None:
        self.ti = TaskInstance(self.job)

    @property
    def context(self) -> dict[str, Any]:
        """What Airflow hands to a task."""
        return {"ti": self.ti, "params": {}, "dag": None, "run_id": self.ti.run_id}

    def operator(self) -> Any:
        """The operator, made anew each time a worker takes up the task."""
        import jobs

        operator, arguments = jobs._operator()
        given = arguments(self.job) | {"retries": 0}
        return operator(task_id=self.job, job=self.job, profile=self.profile, inputs={}, **given)

    def run(self) -> dict[str, Any]:
        """One try of the task. Returns what the job wrote; raises what Airflow would see."""
        from airflow.sdk.exceptions import TaskDeferred

        try:
            self.operator().execute(self.context)
        except TaskDeferred as deferred:
            waiting = deferred
        while True:
            event = asyncio.run(_news(waiting.trigger))
            try:
                goes_on = getattr(self.operator(), waiting.method_name)
                result: dict[str, Any] = goes_on(self.context, event=event, **(waiting.kwargs or {}))
                return result
            except TaskDeferred as deferred:
                waiting = deferred


async def _news(trigger: Any) -> dict[str, Any]:
    """What the trigger reports, after it went through the database as Airflow's does."""
    _, fields = trigger.serialize()
    async for event in type(trigger)(**fields).run():
        payload: dict[str, Any] = event.payload
        return payload
    raise AssertionError("the trigger ended without an event")
