"""Follow an ingest and the retrain that its asset starts, until a model is promoted, refused, or a step fails."""

import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text
from tenacity import Retrying, retry_if_result, wait_fixed

from oi_tasks.local.airflow_api import Airflow, NotYet, Run, Step
from oi_tasks.local.outcome import BUSY, ENDED, Key, Outcome, Values, View, begun, finished, outcome, sentence, spent

INGEST, RETRAIN = "oi_ingest", "oi_retrain"
POLL = 1.0  # seconds
PATIENCE = 90.0  # seconds from the end of the ingest until its asset must have started a retrain
MARKS = {"success": ("✓", "green"), "failed": ("✗", "red"), "upstream_failed": ("✗", "red"), "skipped": ("-", "dim")}


@dataclass
class Follower:
    """What has been seen so far of the followed runs, and where it is shown."""

    airflow: Airflow
    console: Console
    ingest: Run | None
    retrain: Run | None = None
    seen: dict[Key, Step] = field(default_factory=dict)
    values: Values = field(default_factory=Values)
    _spinners: dict[Key, Spinner] = field(default_factory=dict)
    _ingest_ended: float | None = None
    _coming: bool = False

    def follow(self) -> Outcome:
        """Look again each second, show what changed, and return how it ended."""
        looking = Retrying(retry=retry_if_result(lambda ended: ended is None), wait=wait_fixed(POLL))
        shown = Live(get_renderable=self._running, console=self.console, refresh_per_second=8, transient=True)
        with shown if self.console.is_terminal else nullcontext():
            ended = looking(self.look)
        assert ended is not None  # it looks until it is not
        return ended

    def look(self) -> Outcome | None:
        """Look once. Returns how the runs ended, or None while they go on."""
        view = self._view()
        for step in finished(self.seen, view.steps):
            if step.state == "success":
                self.values.add(step, self.airflow.value(step))
            self._line(step)
        for step in begun(self.seen, view.steps) if not self.console.is_terminal else []:
            self._line(step)
        self.seen = {step.key: step for step in view.steps}
        since = 0.0 if self._ingest_ended is None else time.monotonic() - self._ingest_ended
        return outcome(view, since, PATIENCE)

    def _view(self) -> View:
        """Ask Airflow how the runs are; find the retrain as soon as there is one."""
        steps: list[Step] = []
        if self.ingest is not None:
            self.ingest = self._newer(self.ingest, steps)
            if self.retrain is None:
                self._find_retrain(self.ingest)
        if self.retrain is not None:
            self.retrain = self._newer(self.retrain, steps)
        return View(self.ingest, self.retrain, tuple(steps))

    def _find_retrain(self, ingest: Run) -> None:
        """Find the retrain that the ingest's asset has started; one that waits for its turn counts as coming."""
        try:
            found = self.airflow.triggered_by(ingest, RETRAIN)
        except NotYet:
            self._coming, self._ingest_ended = True, None
            return
        self._coming = False
        if found is not None:
            self.retrain = self.airflow.run(RETRAIN, found)
        elif ingest.state == "success" and self._ingest_ended is None:
            self._ingest_ended = time.monotonic()

    def _newer(self, run: Run, steps: list[Step]) -> Run:
        """A run as it is now, its steps added to the list. The run is asked first: its steps are then no older."""
        run = self.airflow.run(run.dag_id, run.id)
        steps.extend(self.airflow.steps(run))
        return run

    def _line(self, step: Step) -> None:
        """Show for good what became of a step."""
        mark, style = MARKS.get(step.state or "", ("·", "yellow"))
        when = (step.end_date if step.state in ENDED else step.start_date) or datetime.now(UTC)
        moment = f"{when.astimezone():%H:%M:%S}"
        said = sentence(step, step.key in self.values.reused)
        self.console.print(
            Text.assemble((moment, "dim"), "  ", (mark, style), f" {step.dag_id:<10}  {step.name:<28}  ", (said, style))
        )

    def _running(self) -> RenderableType:
        """The steps that run now, each with its time."""
        table = Table.grid(padding=(0, 1))
        now = datetime.now(UTC)
        busy = [step for step in self.seen.values() if step.state in BUSY]
        for step in busy:
            spinner = self._spinners.setdefault(step.key, Spinner("dots", style="cyan"))
            said = sentence(step) if step.state != "running" or step.try_number > 1 else ""
            table.add_row(spinner, f"{step.dag_id:<10}", step.name, spent(step.start_date, now), said)
        if not busy:
            spinner = self._spinners.setdefault(("", "", -1), Spinner("dots", style="cyan"))
            table.add_row(spinner, self._waiting_for())
        return table

    def _waiting_for(self) -> str:
        """What is waited for while no step runs."""
        if self.ingest is not None and self.ingest.state == "queued":
            return f"{INGEST} waits for its turn"
        if self._coming:
            return f"{RETRAIN} waits for its turn"
        if self.ingest is not None and not self.ingest.active and self.retrain is None:
            return f"{INGEST} is done; waiting for its asset to start {RETRAIN}"
        return "the scheduler is choosing the next step"
