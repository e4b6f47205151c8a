"""A small cascade in a real registry: versions without files, their parts, and a ledger of their own."""

import http.client
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from mlflow.exceptions import MlflowException

from oi_tasks.core.ledger import standing
from oi_tasks.io.champions import CHAMPION, PREVIOUS, Champions
from oi_tasks.io.ledger import Ledger
from oi_tasks.io.store import Store
from oi_tasks.io.tracking import Tracking
from oi_tasks.settings import Settings


class SmallRegistry:
    """A cascade `oi-cascade-<name>`; its odd versions have a cluster that the even ones lack."""

    def __init__(self, settings: Settings, name: str = "") -> None:
        self.name = name or uuid4().hex[:8]
        self.settings, self.tracking = settings, Tracking(settings)
        self.model = f"oi-cascade-{self.name}"
        self._run: Any = None
        self.parts = [f"oi-{part}-{self.name}" for part in ("classifier", "semseg-a", "semseg-b")]

    @property
    def ledger(self) -> Ledger:
        return Ledger(Store(self.settings), f"{self.name}/")

    @property
    def champions(self) -> Champions:
        """As a process of its own would see them: nothing is remembered from before."""
        return Champions(self.tracking, self.ledger, self.model)

    def new_version(self) -> int:
        number = self._version(self.parts[0], {})
        parts = self.parts if number % 2 else self.parts[:2]
        tags = {self.parts[0]: f"version {number}"}
        tags |= {part: f"version {self._version(part, {})}" for part in parts[1:]}
        return self._version(self.model, tags | {"dataset": "d"})

    def _version(self, model: str, tags: dict[str, str]) -> int:
        client = self.tracking.client
        self._run = self._run or client.create_run("0").info
        try:
            client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{self._run.artifact_uri}/model"
        return int(client.create_model_version(model, source, self._run.run_id, tags=tags).version)

    def verdict(self, version: int, event: str = "passed") -> None:
        self.ledger.append(event, uuid4().hex, {"version": version})

    def promote(self, version: int, against: int | None) -> None:
        self.champions.promote(version, against, {"verdict": "v"}, {"verdict": "v"}, "passed")

    def roll_back(self, to: int | None = None, **said: Any) -> Any:
        return self.champions.roll_back(to, "it misses dogs", "ann", said.pop("loads", lambda version: None), **said)

    def events(self, *wanted: str) -> list[tuple[str, int | None]]:
        return [(entry.event, entry.version) for entry in self.ledger.entries() if entry.event in wanted]

    def check(self) -> None:
        """Alias, ledger and cascade agree."""
        ledger = self.ledger
        ledger.verify()
        known = standing(ledger.entries())
        assert known.open is None
        assert self.tracking.alias(self.model, CHAMPION) == known.champion
        previous = known.previous
        if previous is not None and not self.tracking.version_exists(self.model, previous):
            previous = None
        assert self.tracking.alias(self.model, PREVIOUS) == previous
        tags = self.tracking.version_tags(self.model, known.champion) if known.champion is not None else {}
        for part in self.parts:
            pinned = (tags or {}).get(part)
            expected = int(pinned.removeprefix("version ")) if pinned else None
            assert self.tracking.alias(part, CHAMPION) == expected, part


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def dying(at: int, die: Callable[[], object]) -> Iterator[None]:
    """Die just before the `at`-th request that changes something, at the store or at MLflow."""
    real, seen = http.client.HTTPConnection.putrequest, 0

    def putrequest(self: Any, method: str, *args: Any, **kwargs: Any) -> None:
        nonlocal seen
        if method not in ("GET", "HEAD"):
            seen += 1
            if seen == at:
                die()
        real(self, method, *args, **kwargs)

    http.client.HTTPConnection.putrequest = putrequest  # type: ignore[method-assign]
    try:
        yield
    finally:
        http.client.HTTPConnection.putrequest = real  # type: ignore[method-assign]
