"""The job: a frozen model whose fields are its configuration, with one `run()`.

Everything that is the same for every step stands here once: content keys and reuse, publishing, the result that a DAG
reads, checkpoints, progress and signals.
"""

import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from abc import abstractmethod
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, StringConstraints

from oi_tasks.core.fingerprint import content_key
from oi_tasks.io.disk import told_when_full
from oi_tasks.io.outputs import Output, Outputs
from oi_tasks.io.progress import ProgressLine
from oi_tasks.io.provenance import code_version
from oi_tasks.io.store import WORK, NotFound, Store
from oi_tasks.io.usage import Meter
from oi_tasks.profile import Profile
from oi_tasks.results import RUNS
from oi_tasks.settings import Settings

if TYPE_CHECKING:
    from oi_tasks.io.tracking import Tracking

OutputId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{20}$")]


class JobResult(BaseModel):
    """What a job tells the next step: small, and the same for the same work."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Job(BaseModel):
    """A step. Subclasses add fields, a `Result`, `from_profile()` and `run()`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: ClassVar[str]
    version: ClassVar[str] = "1"
    resumable: ClassVar[bool] = False  # it polls `io.stopping` and saves checkpoints

    class Result(JobResult):
        """Empty unless a job says more."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    @abstractmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The job as a profile configures it, on the given inputs."""

    @abstractmethod
    def run(self, io: "JobIO") -> JobResult:
        """Do the work: read inputs through `io`, write files below `io.out`, return the result."""

    def source(self, io: "JobIO") -> Any:
        """What the job reads from outside the store, as JSON that changes when it changes; part of the key."""
        return None

    def still_good(self, io: "JobIO", output: Output) -> bool:
        """Whether a published output can be reused (a model may be gone from the registry)."""
        return True

    def key(self, io: "JobIO") -> str:
        """The content key: what decides the output."""
        return content_key(
            {
                "job": self.name,
                "version": self.version,
                "fields": self.model_dump(mode="json"),
                "source": self.source(io),
            }
        )


class JobIO:
    """What a running job may touch."""

    def __init__(
        self,
        settings: Settings,
        job: Job,
        scratch: Path,
        result_to: str | None = None,
        profile: str = "",
        force: bool = False,
    ) -> None:
        self.settings, self.job, self.scratch, self.result_to, self.profile = settings, job, scratch, result_to, profile
        self.force = force  # what the store has already is looked at, and mended where it is damaged
        self.out = scratch / "out"
        self.out.mkdir()
        self.store = Store(settings)
        self.outputs = Outputs(self.store, settings.cache, settings.cache_limit)
        self.stopping = False

    @cached_property
    def key(self) -> str:
        """The job's content key."""
        return self.job.key(self)

    @cached_property
    def tracking(self) -> "Tracking":
        """The MLflow server."""
        from oi_tasks.io.tracking import Tracking

        return Tracking(self.settings, self.result_to, self.profile)

    def input(self, job: str, output_id: str) -> Output:
        """A published output of another job."""
        return self.outputs.get(job, output_id)

    def run_so_far(self) -> list[dict[str, Any]]:
        """The results of the steps of the same run of a DAG that have ended; none outside of a run."""
        if self.result_to is None or not self.result_to.startswith(RUNS):
            return []
        folder = self.result_to.rpartition("/")[0] + "/"
        return [self.store.get_json(WORK, key) for key in self.store.list(WORK, folder) if key != self.result_to]

    def log(self, text: str) -> None:
        """Say one line."""
        print(text, file=sys.stderr, flush=True)

    def progress(self, what: str, total: int | None = None, unit: str = "photos") -> ProgressLine:
        """A progress bar or line; use it in a `with`."""
        return ProgressLine(what, total, unit)

    def _checkpoint(self, name: str) -> str:
        return f"checkpoints/{self.job.name}/{self.key}/{name}"

    def checkpoints(self) -> list[str]:
        """Names of the states that are kept under the job's key, in order."""
        place = self._checkpoint("")
        return [key.removeprefix(place) for key in self.store.list(WORK, place)]

    def save_checkpoint(self, path: Path, name: str = "state") -> None:
        """Keep a file as a state of the job, under the job's key: whole or not at all."""
        self.store.put_file(WORK, self._checkpoint(name), path)

    def load_checkpoint(self, name: str = "state") -> Path | None:
        """A state that an earlier run of the same job left, as a local file."""
        path = self.scratch / "checkpoint"
        try:
            self.store.get_file(WORK, self._checkpoint(name), path)
        except NotFound:
            return None
        return path

    def drop_checkpoints(self, names: Iterable[str] | None = None) -> None:
        """Forget some states; all of them once the output is published."""
        for name in self.checkpoints() if names is None else names:
            self.store.remove(WORK, self._checkpoint(name))


@told_when_full()
def execute(
    job: Job,
    settings: Settings,
    *,
    force: bool = False,
    result_to: str | None = None,
    age: float = 0.0,
    profile: str = "",
) -> dict[str, Any]:
    """Run a job, or reuse what an equal one published. Returns what `result.json` says, and writes it when asked.

    The result names the job, the output's id, whether it was reused, the seconds it took, what it used of machines and
    store (null for what was reused: it costs nothing), and `result` itself. `age`: seconds since the start of a process
    that is for this job alone; they count as the job's. `profile`: the name of the one that configured it, for people.
    """
    started = time.monotonic() - age
    scratch = Path(tempfile.mkdtemp(prefix=f"oi-{job.name}-"))
    try:
        io = JobIO(settings, job, scratch, result_to, profile, force)
        meter = Meter(io.store)
        output = None if force else io.outputs.find(job.name, io.key)
        reused = output is not None and job.still_good(io, output)
        if reused and int(os.environ.get("RANK", "0")) > 0:  # of several processes that would train, one tells
            raise SystemExit(0)
        if output is None or not reused:
            output = _run_and_publish(job, io, meter)
        else:
            io.log(f"{job.name}: reused {output.id}, published {output.manifest.produced.get('at', 'earlier')}")
        said = {
            "job": job.name,
            "id": output.id,
            "key": io.key,
            "reused": reused,
            "seconds": round(time.monotonic() - started, 3),
            "used": None if reused else meter.used().plain(),
            "result": output.result,
        }
        if result_to is not None:
            io.store.put_json(WORK, result_to, said)
        return said
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _run_and_publish(job: Job, io: JobIO, meter: Meter) -> Output:
    started = time.monotonic()
    _listen_for_stop(job, io)
    result = job.run(io)
    produced = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started, 3),
        "code": code_version(),
    }
    fields = job.model_dump(mode="json")
    said = json.loads(result.model_dump_json())
    output = io.outputs.publish(
        job.name, job.version, io.key, fields, io.out, said, produced, meter.used, mend=io.force
    )
    if job.resumable:
        io.drop_checkpoints()
    io.log(f"{job.name}: published {output.id} in {produced['seconds']} s")
    return output


def _listen_for_stop(job: Job, io: JobIO) -> None:
    """SIGTERM tells a resumable job to save its state; any other job ends at once, with nothing published."""

    def stop(number: int, frame: FrameType | None) -> None:
        if not job.resumable:
            raise SystemExit(128 + number)
        io.stopping = True

    signal.signal(signal.SIGTERM, stop)
