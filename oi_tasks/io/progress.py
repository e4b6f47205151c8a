"""Progress that suits where it is read: a bar on a terminal, one line every few seconds elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

EVERY = 5.0  # seconds between two lines


class ProgressLine:
    """Counts work done. Use as a context manager; `update(n, note)` as work goes on."""

    def __init__(self, what: str, total: int | None, unit: str) -> None:
        self.what, self.total, self.unit, self.done, self.note = what, total, unit, 0, ""
        self._start = self._said = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        console = Console(stderr=True)
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self.what, total=self.total, rate="", note="")
        return self

    def update(self, count: int = 1, note: str = "") -> None:
        """Add to the count; the note (a loss, a name) stands at the end of the line."""
        self.done += count
        self.note = note or self.note
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, rate=self._rate(now), note=self.note)
        elif now - self._said >= EVERY:
            self._said = now
            self._say(now)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self.done or error is None:  # before anything was done, the error says all there is to say
            self._say(time.monotonic())

    def _rate(self, now: float) -> str:
        return f"{self.done / max(now - self._start, 1e-6):.4g} {self.unit}/s"

    def _say(self, now: float) -> None:
        of = f" of {self.total}" if self.total is not None else ""
        left = ""
        if self.total and 0 < self.done < self.total:
            left = f", {(now - self._start) / self.done * (self.total - self.done):.0f} s left"
        note = f", {self.note}" if self.note else ""
        line = f"{self.what}: {self.done}{of} {self.unit}, {self._rate(now)}{left}{note}"
        print(line, file=sys.stderr, flush=True)
