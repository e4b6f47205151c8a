"""What a followed pair of runs says: which steps changed, and whether it has ended, and how. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from oi_tasks.local.airflow_api import Run, Step

LOG_LINES = 20
ALONE = ("train_semseg",)  # jobs that fail alone: the run goes on without what they would have made
ENDED = ("success", "failed", "upstream_failed", "skipped", "removed")
BUSY = ("running", "deferred", "restarting", "up_for_retry", "up_for_reschedule", "awaiting_input")
SAID = {
    "success": "done",
    "failed": "failed",
    "skipped": "skipped",
    "upstream_failed": "not run, since a step before it failed",
    "up_for_retry": "failed, will be tried again",
    "awaiting_input": "waits for a person's answer in Airflow",
    "running": "running",
    "deferred": "waiting for its pod",
    "restarting": "restarting",
}
Key = tuple[str, str, int]


class End(Enum):
    """How following ends."""

    PROMOTED = "promoted"
    REFUSED = "refused"
    STEP_FAILED = "step failed"
    RUN_FAILED = "run failed"
    NO_RETRAIN = "no retrain"


@dataclass(frozen=True)
class View:
    """The followed runs and their steps at one moment."""

    ingest: Run | None
    retrain: Run | None
    steps: tuple[Step, ...]

    def step(self, dag: str, job: str) -> Step | None:
        """The step of a DAG that runs that job."""
        return next((step for step in self.steps if step.dag_id == dag and step.job == job), None)


@dataclass(frozen=True)
class Outcome:
    """How it ended, and the step or run that decided it."""

    end: End
    step: Step | None = None
    run: Run | None = None


def outcome(view: View, since_ingest: float, patience: float) -> Outcome | None:
    """How the followed runs ended; None while they go on.

    `since_ingest`: seconds since the ingest was seen to have ended well; `patience`: how many of
    them may pass until its asset has started a retrain.
    """
    failed = [step for step in view.steps if step.state == "failed"]
    if deciding := next((step for step in failed if step.job not in ALONE), None):
        return Outcome(End.STEP_FAILED, step=deciding)
    for run in (view.ingest, view.retrain):
        if run is not None and run.state == "failed":
            return Outcome(End.STEP_FAILED, step=failed[0]) if failed else Outcome(End.RUN_FAILED, run=run)
    if view.retrain is None:
        return Outcome(End.NO_RETRAIN, run=view.ingest) if since_ingest > patience else None
    if view.retrain.state != "success":
        return None
    promote, gate = (view.step(view.retrain.dag_id, job) for job in ("promote", "gate"))
    if promote is not None and promote.state == "success":
        return Outcome(End.PROMOTED, step=promote)
    if promote is not None and gate is not None and gate.state == "success":
        return Outcome(End.REFUSED, step=gate)
    return Outcome(End.RUN_FAILED, run=view.retrain)


def cannot_end_well(steps: Iterable[Step]) -> bool:
    """Whether a run in progress with these steps must fail."""
    return any(step.state == "failed" and step.job not in ALONE for step in steps)


def finished(before: Mapping[Key, Step], after: Iterable[Step]) -> list[Step]:
    """The steps that have ended, or wait to be tried again, since `before`; in the order in which they ended."""
    said = (*ENDED, "up_for_retry", "awaiting_input")
    new = [step for step in after if step.state in said and _state(before, step) != step.state]
    return sorted(new, key=lambda step: (step.end_date is None, step.end_date and step.end_date.timestamp()))


def begun(before: Mapping[Key, Step], after: Iterable[Step]) -> list[Step]:
    """The steps that run now and did not before; one that comes back from waiting for its pod has run before."""
    return [step for step in after if step.state in ("running", "deferred") and not _ran(before.get(step.key), step)]


def _ran(known: Step | None, step: Step) -> bool:
    """Whether the same try of a step was seen running."""
    return known is not None and known.start_date is not None and known.try_number == step.try_number


def _state(before: Mapping[Key, Step], step: Step) -> str | None:
    known = before.get(step.key)
    return None if known is None else known.state


def spent(start: datetime | None, end: datetime | None) -> str:
    """The time between two moments, as a person says it; empty if one is missing."""
    return "" if start is None or end is None else span(max((end - start).total_seconds(), 0.0))


def span(seconds: float) -> str:
    """A span of time as a person says it: `3.2 s`, `4 min 05 s`, `2 h 03 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def sentence(step: Step, reused: bool = False) -> str:
    """What is said of a step: `done in 3.2 s, reused`."""
    said = SAID.get(step.state or "", step.state or "waiting")
    time = spent(step.start_date, step.end_date)
    if step.state in ("success", "failed") and time:
        said += f" in {time}" if step.state == "success" else f" after {time}"
    if step.try_number > 1 and step.state in ("running", "success", "failed"):
        said += f" (try {step.try_number})"
    return said + (", reused" if reused else "")


def log_tail(messages: Iterable[Mapping[str, Any]], lines: int = LOG_LINES) -> list[str]:
    """The last lines of a log of Airflow's structured messages, without its own bookkeeping."""
    text: list[str] = []
    for message in messages:
        event = str(message.get("event", ""))
        errors = message.get("error_detail") or ()
        logger = str(message.get("logger", ""))
        own = logger == "task" or logger.startswith("airflow.dag_processing")
        bookkeeping = own or event.startswith("::") or event.endswith(".log")
        if bookkeeping and not errors:
            continue
        text.extend(line.rstrip() for line in event.splitlines() if line.strip())
        text.extend(f"{error.get('exc_type', 'error')}: {error.get('exc_value', '')}".strip() for error in errors)
    return text[-lines:]


@dataclass
class Values:
    """What the steps returned, as far as the demo shows it."""

    reused: set[Key] = field(default_factory=set)
    pages: dict[str, str] = field(default_factory=dict)
    """Where in the store the pages are, `bucket/key`, by the step that wrote them."""

    def add(self, step: Step, value: Any) -> None:
        """Take note of what a step returned."""
        said = told(value)
        if said.get("reused") is True:
            self.reused.add(step.key)
        if isinstance(said.get("report"), str):
            self.pages[step.name] = said["report"]


def told(value: Any) -> dict[str, Any]:
    """What a step returned: the task's own words (`id`, `reused`, …) and the job's `result`, in one."""
    said = dict(value) if isinstance(value, Mapping) else {}
    result = said.get("result")
    return said | (dict(result) if isinstance(result, Mapping) else {})


def reasons(verdict: Any) -> list[str]:
    """The reasons that the step `gate` or `serve_check` returned, one line each."""
    said = told(verdict).get("reasons") or []
    return [str(reason.get("text", reason)) if isinstance(reason, Mapping) else str(reason) for reason in said]
