"""A store or an MLflow that stands elsewhere, such as in a cluster: used as it is, and neither started nor ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from oi_tasks.errors import BadInput
from oi_tasks.local.addresses import Addresses
from oi_tasks.settings import Settings

NAMED_BY = {
    "minio": ("OI_STORE_ENDPOINT", "OI_STORE_ACCESS_KEY", "OI_STORE_SECRET_KEY"),
    "mlflow": ("OI_MLFLOW_URL",),
}


@dataclass(frozen=True)
class Elsewhere:
    """A server that is not ours to start."""

    name: str
    lines: dict[str, str]
    """The `OI_*` lines that name it: its address first, then its keys."""

    @property
    def url(self) -> str:
        """Its address."""
        return self.lines[NAMED_BY[self.name][0]]

    def check(self, tries: int = 4) -> None:
        """Raise Unreachable unless it answers, and takes the key."""
        from oi_tasks.io.store import Store
        from oi_tasks.io.tracking import Tracking

        fields: dict[str, Any] = {name.removeprefix("OI_").lower(): value for name, value in self.lines.items()}
        settings = Settings(**fields, _env_file=None)
        (Store(settings, tries=tries) if self.name == "minio" else Tracking(settings)).check()


def named(environment: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    """The lines that name servers: the caller's choice, else the one remembered in `.oi/env`."""
    names = [name for lines in NAMED_BY.values() for name in lines]
    return {name: environment.get(name) or kept.get(name, "") for name in names}


def elsewhere(lines: Mapping[str, str], *places: Addresses) -> list[Elsewhere]:
    """The servers that `OI_*` lines place where no local one listens, in any of the places.

    Raises BadInput when a key is missing, or when MLflow would be local and the store, where it keeps its files, not.
    """
    found = []
    for server, names in NAMED_BY.items():
        url = lines.get(names[0], "")
        if not url or _place(url) in {_place(local.url(f"{server}_port")) for local in places}:
            continue
        if missing := [name for name in names if not lines.get(name)]:
            what = f"{names[0]} names a server of your own: {' and '.join(missing)} must be set with it"
            raise BadInput(what, where=url, code="setting")
        found.append(Elsewhere(server, {name: lines[name] for name in names}))
    if [each.name for each in found] == ["minio"]:
        what = "a store of your own needs an MLflow that keeps its files there: set OI_MLFLOW_URL too"
        if given := lines.get("OI_MLFLOW_URL"):
            what += f", to another address than {given}, where the local one would listen (MLFLOW_PORT moves that)"
        raise BadInput(what, where=found[0].url, code="setting")
    return found


def _place(url: str) -> tuple[str | None, int | None]:
    """Host and port of an address."""
    parts = urlsplit(url)
    return "127.0.0.1" if parts.hostname == "localhost" else parts.hostname, parts.port
