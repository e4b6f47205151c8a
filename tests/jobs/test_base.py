"""The job mechanism on a real store: keys, reuse, publishing, stopping."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
from pydantic import ValidationError

from oi_tasks.errors import BadInput, OiError, Stopped
from oi_tasks.io.outputs import Outputs, manifest_key
from oi_tasks.io.store import DATA, WORK, Store, photo_key
from oi_tasks.jobs import JOBS, job_class
from oi_tasks.jobs.base import Job, JobIO, JobResult, execute
from oi_tasks.profile import Profile
from oi_tasks.settings import Settings

STORES = ("minio", "versitygw")


class WriteTwo(Job):
    """Write two files."""

    text: str
    fail: bool = False

    class Result(JobResult):
        """How long the text is."""

        length: int

    ran: ClassVar[list[str]] = []

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        return cls(**inputs)

    def run(self, io: JobIO) -> Result:
        self.ran.append(self.text)
        (io.out / "below").mkdir()
        (io.out / "below" / "a.txt").write_text(self.text)
        if self.fail:
            raise OiError("it failed half-way")
        (io.out / "b.json").write_text(json.dumps([self.text]))
        return self.Result(length=len(self.text))


class CountUp(Job):
    """Count to ten, keeping the count when it is stopped."""

    resumable: ClassVar[bool] = True
    stop_at: ClassVar[int] = 0

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        return cls()

    def run(self, io: JobIO) -> JobResult:
        found = io.load_checkpoint()
        start = int(found.read_text()) if found else 0
        for count in range(start + 1, 11):
            if count == self.stop_at:
                os.kill(os.getpid(), signal.SIGTERM)
            if io.stopping:
                (io.scratch / "state").write_text(str(count))
                io.save_checkpoint(io.scratch / "state")
                raise Stopped("stopped")
        (io.out / "counted").write_text(f"{start}")
        return self.Result()


@pytest.fixture(autouse=True)
def _forget() -> None:
    WriteTwo.ran.clear()


def test_an_output_is_published_and_reused(store_settings: Settings, store: Store) -> None:
    said = execute(WriteTwo(text="one"), store_settings, result_to="runs/one.json")
    assert said["reused"] is False
    assert said["result"] == {"length": 3}
    assert store.get_json(WORK, "runs/one.json") == said
    output = Outputs(store, store_settings.cache).get("write_two", said["id"])
    assert output.names() == ["b.json", "below/a.txt"]
    assert output.read_json("b.json") == ["one"]
    assert output.local("below/a.txt").read_text() == "one"
    again = execute(WriteTwo(text="one"), store_settings)
    assert (again["reused"], again["id"]) == (True, said["id"])
    assert WriteTwo.ran == ["one"]
    assert said["used"]["cpu_seconds"] > 0
    assert said["used"]["stored_bytes"] > output.manifest.produced["used"]["stored_bytes"] >= len('one["one"]')
    assert again["used"] is None  # what is reused costs nothing
    forced = execute(WriteTwo(text="one"), store_settings, force=True)
    assert (forced["reused"], forced["id"]) == (False, said["id"])
    assert WriteTwo.ran == ["one", "one"]


def test_other_fields_are_another_output(store_settings: Settings) -> None:
    assert execute(WriteTwo(text="two"), store_settings)["id"] != execute(WriteTwo(text="three"), store_settings)["id"]


def test_a_failure_publishes_nothing(store_settings: Settings, store: Store) -> None:
    before = list(store.list(DATA, "outputs/write_two/"))
    with pytest.raises(OiError, match="half-way"):
        execute(WriteTwo(text="four", fail=True), store_settings)
    assert list(store.list(DATA, "outputs/write_two/")) == before


def test_without_its_manifest_an_output_is_not_there(store_settings: Settings, store: Store) -> None:
    said = execute(WriteTwo(text="five"), store_settings)
    store.remove(DATA, manifest_key("write_two", said["id"]))
    with pytest.raises(BadInput, match=f"no output '{said['id']}' of write_two"):
        Outputs(store, store_settings.cache).get("write_two", said["id"])


def test_a_key_whose_output_is_gone_keeps_no_job_from_running(store_settings: Settings, store: Store) -> None:
    said = execute(WriteTwo(text="five and a half"), store_settings)
    store.remove(DATA, manifest_key("write_two", said["id"]))
    again = execute(WriteTwo(text="five and a half"), store_settings)
    assert (again["reused"], again["id"]) == (False, said["id"])
    assert execute(WriteTwo(text="five and a half"), store_settings)["reused"] is True


def test_a_damaged_object_is_found(store_settings: Settings, store: Store, tmp_path: Path) -> None:
    said = execute(WriteTwo(text="six"), store_settings)
    output = Outputs(store, tmp_path).get("write_two", said["id"])
    ref = output.manifest.objects["below/a.txt"]
    assert ref.key == photo_key(ref.sha256)
    store.put_bytes(DATA, ref.key, b"SIX")
    for read in (output.read_bytes, output.local):
        with pytest.raises(OiError, match=r"below/a\.txt of write_two/.* is not what was published"):
            read("below/a.txt")
    execute(WriteTwo(text="six"), store_settings, force=True)  # as the error says
    assert output.read_bytes("below/a.txt") == b"six"
    assert output.local("below/a.txt").read_text() == "six"


def test_two_at_once_publish_one_output(store_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # only a main thread can listen for signals
    job, said = WriteTwo(text="seven"), []
    runs = [threading.Thread(target=lambda: said.append(execute(job, store_settings))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert len({one["id"] for one in said}) == 1


def test_stopped_and_gone_on(store_settings: Settings, store: Store) -> None:
    CountUp.stop_at = 4
    with pytest.raises(Stopped):
        execute(CountUp(), store_settings)
    CountUp.stop_at = 0
    said = execute(CountUp(), store_settings)
    assert Outputs(store, store_settings.cache).get("count_up", said["id"]).read_bytes("counted") == b"4"
    assert not list(store.list(WORK, "checkpoints/count_up/"))


def test_fields_are_frozen_and_unknown_ones_refused() -> None:
    with pytest.raises(ValidationError):
        WriteTwo(text="x", txet="y")  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        WriteTwo(text="x").text = "y"  # type: ignore[misc]


@pytest.mark.parametrize("name", JOBS)
def test_every_job_is_one(name: str) -> None:
    cls = job_class(name)
    assert cls.name == name
    assert cls.__doc__
    assert cls.model_json_schema()["additionalProperties"] is False


def test_sigterm_ends_a_job_that_keeps_no_state(store_settings: Settings, store: Store, tmp_path: Path) -> None:
    """`oi fetch` of a release that takes long to draw is ended at once, with nothing published."""
    environment = os.environ | {
        "OI_STORE_ENDPOINT": store_settings.store_endpoint,
        "OI_STORE_ACCESS_KEY": store_settings.store_access_key,
        "OI_STORE_SECRET_KEY": store_settings.store_secret_key.get_secret_value(),
        "OI_CACHE": str(tmp_path),
    }
    command = [
        str(Path(sys.executable).with_name("oi")),
        "fetch",
        "--set",
        "release={kind: drawn, drawn: {photos: 5000}}",
    ]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    time.sleep(4)
    before = list(store.list(DATA, "outputs/fetch/"))
    process.terminate()
    assert process.wait(20) == 143
    assert list(store.list(DATA, "outputs/fetch/")) == before
    assert "Traceback" not in (process.stderr.read() if process.stderr else "")
