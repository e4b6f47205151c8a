"""Where the local servers listen: the caller's choice, else the one remembered in `.oi/env`, else the usual ports."""

import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from oi_tasks.errors import BadInput

Port = Annotated[int, Field(ge=1, le=65535)]
EVERYWHERE = "0.0.0.0"  # noqa: S104 - a value to compare with
PORTS = {
    "minio": ("minio_port", "minio_console_port"),
    "mlflow": ("mlflow_port",),
    "airflow": ("airflow_port", "airflow_log_port", "airflow_trigger_log_port"),
}
LOG_PORTS = ("airflow_log_port", "airflow_trigger_log_port")  # Airflow opens these at all addresses, behind a token


class Addresses(BaseSettings):
    """The host and the ports of the local servers; each is a variable `OI_*` and a line of `.oi/env`."""

    model_config = SettingsConfigDict(env_prefix="OI_", extra="ignore", frozen=True)

    bind: str = Field("127.0.0.1", description="address the servers listen on, such as a cluster's bridge")
    minio_port: Port = Field(9000, description="MinIO, the store")
    minio_console_port: Port = Field(9001, description="MinIO's own page")
    mlflow_port: Port = Field(5000, description="MLflow")
    airflow_port: Port = Field(8080, description="Airflow's page and its API")
    airflow_log_port: Port = Field(8793, description="log server of Airflow's tasks; if taken, a free one")
    airflow_trigger_log_port: Port = Field(8794, description="the same of Airflow's triggers")

    @classmethod
    def load(cls, env_file: Path) -> Self:
        """The addresses to use. Raises BadInput naming the variable that cannot be used."""
        try:
            return cls(_env_file=env_file if env_file.is_file() else None)
        except ValidationError as error:
            first = error.errors()[0]
            name = "OI_" + "_".join(str(part) for part in first["loc"]).upper()
            raise BadInput(f"{name} cannot be used: {first['msg']}, not {first['input']!r}", code="port") from None

    @classmethod
    def of(cls, lines: Mapping[str, str]) -> Self:
        """The addresses that the lines of a file remember, whatever the environment says."""
        own = {name: f"OI_{name.upper()}" for name in cls.model_fields}
        usual = {name: field.default for name, field in cls.model_fields.items()}
        return cls(**usual | {name: lines[line] for name, line in own.items() if lines.get(line)})

    @classmethod
    def free(cls, bind: str = "127.0.0.1") -> Self:
        """Addresses with ports that nothing uses now, for tests."""
        names = [name for name in cls.model_fields if name.endswith("_port")]
        with ExitStack() as held:
            ports = {}
            for name in names:
                listener = held.enter_context(socket.socket())
                listener.bind((bind, 0))
                ports[name] = listener.getsockname()[1]
        return cls(bind=bind, **ports)

    @property
    def host(self) -> str:
        """The host part of the servers' addresses."""
        return "127.0.0.1" if self.bind == EVERYWHERE else self.bind

    def url(self, option: str) -> str:
        """The web address of the server on that port, such as `mlflow_port`."""
        return f"http://{self.host}:{getattr(self, option)}"

    def lines(self) -> dict[str, str]:
        """The lines of `.oi/env` that remember these addresses, and tell jobs where the servers are."""
        own = {f"OI_{name.upper()}": str(value) for name, value in self.model_dump().items()}
        return own | {
            "OI_STORE_ENDPOINT": self.url("minio_port"),
            "OI_MLFLOW_URL": self.url("mlflow_port"),
            "OI_AIRFLOW_URL": self.url("airflow_port"),
        }
