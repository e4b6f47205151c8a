"""Housekeeping on servers of its own: it lists first, removes when asked to, and what is in use stays whole."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from oi_tasks.errors import BadInput
from oi_tasks.io.ledger import Ledger
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import DATA, WORK, Store
from oi_tasks.io.tracking import Tracking
from oi_tasks.jobs import housekeeping
from oi_tasks.jobs.base import execute
from oi_tasks.local import services
from oi_tasks.local.addresses import Addresses
from oi_tasks.results import TOLD
from oi_tasks.settings import Settings

pytestmark = pytest.mark.slow
WORK_FILES = ("checkpoints/train_classifier/k", "runs/oi_retrain/r1/gate.json", f"{TOLD}oi_retrain/r1")
LATER = datetime.now(UTC) + timedelta(days=100)


class Clock(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return LATER


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory):
    state = tmp_path_factory.mktemp("keeping")
    running = services.start(state, ("minio", "mlflow"), Addresses.free())
    try:
        yield Settings(_env_file=running.state / "env", cache=state / "cache")
    finally:
        services.stop(state)


class World:
    """Cascades made from one dataset, each with its outputs and versions.

    The first was promoted, the third is young, the fourth refused and the fifth not answered for; of the second the
    ledger says nothing.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.store, self.tracking = Store(settings), Tracking(settings)
        self.outputs = Outputs(self.store, settings.cache)
        self.run = self.tracking.client.create_run("0").info
        for model in ("oi-cascade", "oi-classifier"):
            self.tracking.client.create_registered_model(model)
        self.dataset = self.publish("shards", {}, {})
        self.ids = {number: self.cascade(number) for number in range(1, 6)}
        self.verdicts = {number: self.publish("gate", {"evaluation": self.ids[number][1]}, {}) for number in (4, 5)}
        key = self.outputs.get("gate", self.verdicts[4]).manifest.key
        ledger = Ledger(self.store)
        ledger.append("promoted", "oi-cascade/1", {"version": 1, "previous": None})
        ledger.append("refused", key, {"version": 4, "key": key, "reasons": []})
        ledger.append("not approved in time", "k", {"version": 5, "verdict": self.verdicts[5]})
        for key in WORK_FILES:
            self.store.put_bytes(WORK, key, b"state")

    def publish(self, job: str, fields: dict[str, Any], result: dict[str, Any], at: str = "") -> str:
        out = self.folder / f"{job}-{len(fields)}-{len(list(self.folder.iterdir()))}"
        out.mkdir()
        (out / "file").write_text(f"{job} {fields} {result}")
        produced = {"at": at or datetime.now(UTC).isoformat()}
        return self.outputs.publish(job, "1", f"key-{out.name}", fields, out, result, produced).id

    def cascade(self, number: int) -> tuple[str, str]:
        at = LATER.isoformat() if number == 3 else ""
        source = f"{self.run.artifact_uri}/model"
        client = self.tracking.client
        client.create_model_version("oi-classifier", source, self.run.run_id)
        trained = self.publish("train_classifier", {"dataset": self.dataset, "seed": number}, {"model_version": number})
        fields = {"dataset": self.dataset, "classifier": trained}
        evaluated = self.publish("evaluate", fields, {"candidate": number}, at)
        tags = {"oi-classifier": f"version {number}", "evaluation": evaluated}
        client.create_model_version("oi-cascade", source, self.run.run_id, tags=tags)
        return trained, evaluated

    def keep(self, **fields: Any) -> dict[str, Any]:
        job = housekeeping.Housekeeping(keep_days=90, **fields)
        return execute(job, self.settings)["result"]

    def versions(self, model: str) -> list[int]:
        return sorted(int(one.version) for one in self.tracking.client.search_model_versions(f"name = '{model}'"))


def test_it_lists_then_removes_and_what_is_in_use_stays(settings: Settings, tmp_path: Path, monkeypatch) -> None:
    world = World(settings, tmp_path)
    assert world.keep() == {
        "outputs": 0, "objects": 0, "megabytes": 0.0, "work_files": 0, "model_versions": 0, "removed": False
    }  # fmt: skip
    monkeypatch.setattr(housekeeping, "datetime", Clock)
    listed = world.keep()
    # Of the second cascade: its two outputs and their files; of the looks before: their lists.
    assert listed["model_versions"] == 2
    assert listed["work_files"] == len(WORK_FILES)
    assert set(world.store.list(WORK)) == set(WORK_FILES)
    assert listed["removed"] is False
    assert world.versions("oi-cascade") == [1, 2, 3, 4, 5]
    removed = world.keep(remove=True)
    assert removed["removed"] is True
    assert world.versions("oi-cascade") == world.versions("oi-classifier") == [1, 3, 4, 5]
    assert all(world.outputs.get("gate", verdict).read_bytes("file") for verdict in world.verdicts.values())
    for number in (1, 3, 4, 5):
        trained, evaluated = world.ids[number]
        assert world.outputs.get("train_classifier", trained).read_bytes("file")
        assert world.outputs.get("evaluate", evaluated).read_bytes("file")
    assert world.outputs.get("shards", world.dataset).read_bytes("file")
    for job, output_id in zip(("train_classifier", "evaluate"), world.ids[2], strict=True):
        with pytest.raises(BadInput, match="is published"):
            world.outputs.get(job, output_id)
    assert not list(world.store.list(WORK))
    held = {ref.key for number in (1, 3, 4, 5) for ref in _objects(world, number)}
    assert held <= set(world.store.list(DATA, "sha256/"))
    assert len(list(world.store.list(DATA, "keys/evaluate/"))) == 4


def _objects(world: World, number: int) -> list[Any]:
    trained, evaluated = world.ids[number]
    found = [world.outputs.get("train_classifier", trained), world.outputs.get("evaluate", evaluated)]
    return [ref for output in found for ref in output.manifest.objects.values()]
