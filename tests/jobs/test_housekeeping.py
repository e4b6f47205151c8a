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
    """Cascades, each with its outputs and versions; the first five are made from one dataset.

    The first was promoted and the third is young. The fourth was refused, and the fifth not answered for; of the second
    the ledger says nothing. The sixth, with a dataset of its own, passed and was undone on its way. The seventh was
    promoted, with another dataset, and is so no more. A hand moved the alias to the eighth.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.store, self.tracking = Store(settings), Tracking(settings)
        self.outputs = Outputs(self.store, settings.cache)
        self.runs: dict[int, str] = {}
        for model in ("oi-cascade", "oi-classifier"):
            self.tracking.client.create_registered_model(model)
        self.datasets = [self.publish("shards", {"number": number}, {}) for number in range(3)]
        self.of = {number: self.datasets[{6: 1, 7: 2}.get(number, 0)] for number in range(1, 9)}
        self.ids = {number: self.cascade(number) for number in self.of}
        self.verdicts = {
            number: self.publish("gate", {"evaluation": self.ids[number][1]}, {}) for number in range(4, 8)
        }
        self.keys = {number: self.outputs.get("gate", found).manifest.key for number, found in self.verdicts.items()}
        ledger = Ledger(self.store)
        ledger.append("promoted", "oi-cascade/1", {"version": 1, "previous": None})
        ledger.append("refused", self.keys[4], {"version": 4, "key": self.keys[4], "reasons": []})
        ledger.append("not approved in time", "k", {"version": 5, "verdict": self.verdicts[5]})
        ledger.append("passed", self.keys[6], {"version": 6, "key": self.keys[6], "reasons": []})
        started = {"version": 6, "verdict": self.verdicts[6], "tags": {"evaluation": self.ids[6][1]}}
        for event in ("promotion started", "promotion undone"):
            ledger.append(event, "oi-cascade/6", started)
        ledger.append("passed", self.keys[7], {"version": 7, "key": self.keys[7], "reasons": []})
        ledger.append("promoted", "oi-cascade/7", {"version": 7, "verdict": self.verdicts[7], "previous": 1})
        ledger.append("rolled back", "oi-cascade/1", {"version": 1, "previous": 7})
        self.tracking.set_alias("oi-cascade", "champion", 8)
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
        client = self.tracking.client
        run = client.create_run("0").info
        source, self.runs[number] = f"{run.artifact_uri}/model", run.run_id
        client.create_model_version("oi-classifier", source, run.run_id)
        dataset = self.of[number]
        trained = self.publish("train_classifier", {"dataset": dataset, "seed": number}, {"model_version": number})
        fields = {"dataset": dataset, "classifier": trained}
        evaluated = self.publish("evaluate", fields, {"candidate": number}, at)
        tags = {"oi-classifier": f"version {number}"} | ({"evaluation": evaluated} if number in (1, 6) else {})
        client.create_model_version("oi-cascade", source, run.run_id, tags=tags)
        return trained, evaluated

    def keep(self, **fields: Any) -> dict[str, Any]:
        job = housekeeping.Housekeeping(keep_days=90, **fields)
        return execute(job, self.settings)["result"]

    def versions(self, model: str) -> list[int]:
        return sorted(int(one.version) for one in self.tracking.client.search_model_versions(f"name = '{model}'"))


IN_USE, PAST = (1, 3, 7, 8), (2, 4, 5, 6)


def test_it_lists_then_removes_and_what_is_in_use_stays(settings: Settings, tmp_path: Path, monkeypatch) -> None:
    world = World(settings, tmp_path)
    assert world.keep() == {
        "outputs": 0, "objects": 0, "megabytes": 0.0, "work_files": 0, "model_versions": 0, "removed": False
    }  # fmt: skip
    monkeypatch.setattr(housekeeping, "datetime", Clock)
    listed = world.keep()
    assert listed["model_versions"] == 2 * len(PAST)
    assert listed["work_files"] == len(WORK_FILES)
    assert set(world.store.list(WORK)) == set(WORK_FILES)
    assert listed["removed"] is False
    assert world.versions("oi-cascade") == list(range(1, 9))
    removed = world.keep(remove=True)
    assert removed["removed"] is True
    assert world.versions("oi-cascade") == world.versions("oi-classifier") == list(IN_USE)
    for number in IN_USE:
        trained, evaluated = world.ids[number]
        assert world.outputs.get("train_classifier", trained).read_bytes("file")
        assert world.outputs.get("evaluate", evaluated).read_bytes("file")
        assert world.outputs.get("shards", world.of[number]).read_bytes("file")
    for number in PAST:
        for job, output_id in zip(("train_classifier", "evaluate"), world.ids[number], strict=True):
            with pytest.raises(BadInput, match="is published"):
                world.outputs.get(job, output_id)
    with pytest.raises(BadInput, match="housekeeping"):
        world.outputs.get("shards", world.datasets[1])  # the sixth's alone
    assert not list(world.store.list(WORK))
    held = {ref.key for number in IN_USE for ref in _objects(world, number)}
    assert held <= set(world.store.list(DATA, "sha256/"))
    assert len(list(world.store.list(DATA, "keys/evaluate/"))) == len(IN_USE)


def test_of_what_was_never_in_use_the_verdict_stays_and_the_run_says_what_went(
    settings: Settings, tmp_path: Path, monkeypatch
) -> None:
    world = World(settings, tmp_path)
    monkeypatch.setattr(housekeeping, "datetime", Clock)
    world.keep(remove=True)
    for number, verdict in world.verdicts.items():
        found = world.outputs.find("gate", world.keys[number])
        assert found is not None and found.id == verdict and found.read_bytes("file")
    client = world.tracking.client
    tags = {number: client.get_run(run).data.tags.get("removed", "") for number, run in world.runs.items()}
    assert [number for number, tag in tags.items() if tag] == list(PAST)
    which = f"version 4 of oi-cascade, version 4 of oi-classifier on {LATER:%Y-%m-%d}"
    assert tags[4] == f"{which}: past 90 days, and never in use"
    again = world.keep(remove=True)
    assert (again["outputs"], again["objects"], again["model_versions"]) == (1, 1, 0)  # the list of the look before


def test_what_a_young_run_used_again_stays_though_it_was_refused(settings: Settings, tmp_path: Path) -> None:
    world, long_ago = World(settings, tmp_path), f"{datetime.now(UTC) - timedelta(days=100):%Y-%m-%dT%H:%M:%S%z}"
    dataset = world.publish("shards", {"number": 9}, {}, long_ago)
    evaluated = world.publish("evaluate", {"dataset": dataset}, {"candidate": 99}, long_ago)
    verdict = world.publish("gate", {"evaluation": evaluated}, {}, long_ago)
    key = world.outputs.get("gate", verdict).manifest.key
    Ledger(world.store).append("refused", key, {"version": 99, "key": key, "reasons": []})
    assert world.keep()["outputs"] == 2
    world.store.put_json(WORK, "runs/oi_retrain/r2/gate.json", {"job": "gate", "id": verdict})
    assert world.keep()["outputs"] == 0


def test_a_run_that_is_gone_does_not_keep_its_versions(settings: Settings, tmp_path: Path, monkeypatch) -> None:
    world = World(settings, tmp_path)
    world.tracking.client.delete_run(world.runs[4])
    monkeypatch.setattr(housekeeping, "datetime", Clock)
    world.keep(remove=True)
    assert world.versions("oi-cascade") == list(IN_USE)


def _objects(world: World, number: int) -> list[Any]:
    trained, evaluated = world.ids[number]
    found = [world.outputs.get("train_classifier", trained), world.outputs.get("evaluate", evaluated)]
    return [ref for output in found for ref in output.manifest.objects.values()]
