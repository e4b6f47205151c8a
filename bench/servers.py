"""Servers for the length of a measurement."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oi_tasks.local import services
from oi_tasks.local.addresses import Addresses
from oi_tasks.settings import Settings


@contextmanager
def servers(state: Path, names: tuple[str, ...] = ("minio", "mlflow")) -> Iterator[Settings]:
    """MinIO and MLflow on free ports, or one of them."""
    try:
        services.start(state, names, Addresses.free())
        yield Settings(_env_file=state / "env", cache=state / "cache")
    finally:
        services.stop(state)
