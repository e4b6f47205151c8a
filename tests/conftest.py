"""What all tests share: the folders beside the checkout, and one set of real servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oi_tasks.io.store import Store
from oi_tasks.local import services
from oi_tasks.local.addresses import Addresses
from oi_tasks.settings import Settings
from oi_tasks.settings import settings as process_settings

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
def store(minio_settings: Settings) -> Store:
    """A real MinIO, with the jobs' own key."""
    return Store(minio_settings)


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
