"""What all tests share: the folders beside the checkout, and one set of real servers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from oi_tasks.io.outputs import Output, Outputs
from oi_tasks.io.store import Store
from oi_tasks.jobs import job_class
from oi_tasks.jobs.base import execute
from oi_tasks.local import services
from oi_tasks.local.addresses import Addresses
from oi_tasks.profile import Profile
from oi_tasks.settings import Settings
from oi_tasks.settings import settings as process_settings
from tests import versitygw

hypothesis.settings.register_profile("here", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("here")

SHARED = Path(__file__).parents[2] / "shared"


def shared_folder(name: str) -> Path:
    """A folder of data beside the checkout; without it the test is left out, and says so."""
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"left out: there is no {name} in a folder `shared` beside the checkout")
    return folder


@pytest.fixture(scope="session")
def real_photos() -> Path:
    """4,492 real photos of one kind of object each, as a release."""
    return shared_folder("data/real-photos")


@pytest.fixture(scope="session")
def real_scenes() -> Path:
    """1,855 real scenes, partly labelled, as a release."""
    return shared_folder("data/real-scenes")


class Servers:
    """Real servers for the whole suite, each started when a test first asks for it."""

    def __init__(self, state: Path) -> None:
        self.state, self.addresses = state, Addresses.free()

    def settings(self, *names: str) -> Settings:
        """Settings that reach the named servers, which run from here on."""
        running = services.start(self.state, names, self.addresses)
        return Settings(_env_file=running.state / "env", cache=self.state / "cache")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """MinIO and MLflow on free ports; ended when the suite ends."""
    state = tmp_path_factory.mktemp("servers")
    try:
        yield Servers(state)
    finally:
        services.stop(state)


@pytest.fixture(scope="session")
def minio_settings(servers: Servers) -> Settings:
    """Settings that reach a real MinIO."""
    return servers.settings("minio")


@pytest.fixture(scope="session")
def versitygw_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings that reach the second S3 server."""
    with versitygw.running(tmp_path_factory.mktemp("versitygw")) as found:
        yield found


@pytest.fixture(scope="session")
def store_settings(request: pytest.FixtureRequest) -> Settings:
    """Settings that reach a real store: MinIO, or in modules that name `STORES` each of them in turn."""
    found: Settings = request.getfixturevalue(f"{getattr(request, 'param', 'minio')}_settings")
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is about a store's behaviour on each server that the module names."""
    stores = getattr(metafunc.module, "STORES", None)
    if stores and "store_settings" in metafunc.fixturenames:
        metafunc.parametrize("store_settings", stores, indirect=True, scope="session")


NEEDS_SERVERS = {"servers", "store_settings", "versitygw_settings", "cluster"}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Between two edits, files that are slow as a whole are not even imported: that alone takes seconds."""
    if config.option.markexpr != "not slow" or not collection_path.name.startswith("test_"):
        return None
    marks = re.findall(r"^pytestmark = .*$", collection_path.read_text(), re.MULTILINE)
    return True if any("pytest.mark.slow" in mark for mark in marks) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a server is slow, whatever it does with it: the tests between two edits need none."""
    for item in items:
        if NEEDS_SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def store(store_settings: Settings) -> Store:
    """A real store, with the jobs' own key."""
    return Store(store_settings)


@pytest.fixture(scope="session")
def settings(servers: Servers) -> Settings:
    """Settings that reach a real MinIO and a real MLflow."""
    return servers.settings("minio", "mlflow")


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No OI_* variable and no `.oi/env` of the machine reaches the test."""
    import os

    for name in [name for name in os.environ if name.startswith("OI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OI_ENV_FILE", str(tmp_path / "none"))
    process_settings.cache_clear()
    yield
    process_settings.cache_clear()


@dataclass(frozen=True)
class Chain:
    """A whole run of the jobs on a small drawn release: what each said, by job; of `train_semseg` the last."""

    profile: Profile
    settings: Settings
    said: dict[str, dict[str, Any]]
    semseg: tuple[str, ...]

    def job(self, name: str, **inputs: Any) -> dict[str, Any]:
        """Run one more job of the chain's profile."""
        job = job_class(name).from_profile(self.profile, **inputs)
        return execute(job, self.settings, profile=self.profile.name)

    def output(self, name: str) -> Output:
        """What a job published."""
        return Outputs(Store(self.settings), self.settings.cache).get(name, self.said[name]["id"])


SMALL = {
    "name": "small",
    "release": {"kind": "drawn", "drawn": {"photos": 160, "seed": 5}},
    "quality": {"max_quarantined": 0.05, "mostly": 0.9},
    "classes": {"max": 8, "min_coverage": 0.5, "min_count": 10, "unverified": "negative"},
    "clusters": {"max": 2, "min_photos": 20},
    "splits": {"tune": 0.15, "test": 0.25},
    "photos": {"long_side": 256, "resolution": 0.25, "per_shard": 40},
    "classifier": {
        "backbone": "test_resnet",
        "weights": "none",
        "epochs": {"frozen": 0, "unfrozen": 3},
        "batch": 16,
        "loss": "bce",
        "encoder_rate": 1e-3,
    },
    "semseg": {"epochs": {"frozen": 0, "unfrozen": 2}, "batch": 16},
    "gate": {"classifier": {"macro_f1": {"floor": 0.0, "may_lose": 0.5}}},
}


@pytest.fixture(scope="session")
def small_profile() -> Profile:
    """A profile that a whole run takes well under a minute with."""
    return Profile.model_validate(SMALL)


@pytest.fixture(scope="session")
def chain(settings: Settings, small_profile: Profile) -> Chain:
    """Every job once, on a real MinIO and a real MLflow, to a promoted cascade."""
    said: dict[str, dict[str, Any]] = {}
    made = Chain(small_profile, settings, said, ())

    def run(name: str, **inputs: Any) -> str:
        said[name] = made.job(name, **inputs)
        return str(said[name]["id"])

    release = run("fetch")
    tables = run("tables", release=release)
    photos = run("photos", release=release, tables=tables)
    snapshot = run("snapshot", release=release, tables=tables, photos=photos)
    validated = run("validate", snapshot=snapshot)
    run("data_gate", validated=validated)
    classes = run("collapse", validated=validated)
    run("plan", classes=classes)
    dataset = run("shards", validated=validated, classes=classes)
    classifier = run("train_classifier", dataset=dataset)
    semseg = tuple(
        run("train_semseg", dataset=dataset, classifier=classifier, cluster=name)
        for name in said["plan"]["result"]["clusters"]
    )
    evaluation = run("evaluate", dataset=dataset, classifier=classifier, semseg=semseg)
    verdict = run("gate", evaluation=evaluation)
    promoted = run("promote", verdict=verdict)
    run("report", verdict=verdict, promoted=promoted)
    return Chain(small_profile, settings, said, semseg)
