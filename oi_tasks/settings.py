"""Where things run: every setting comes from the environment (`OI_*`) or from one file of `OI_*` lines."""

import os
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import ByteSize, Field, PositiveFloat, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from oi_tasks.errors import BadInput


class Settings(BaseSettings):
    """The addresses and keys of the servers, and how jobs are run. Secrets are never printed."""

    model_config = SettingsConfigDict(env_prefix="OI_", extra="ignore", frozen=True)

    store_endpoint: str = Field(
        "http://127.0.0.1:9000", description="address of the S3 store, with http:// or https://"
    )
    store_access_key: str = Field("", description="key id of the jobs at the store")
    store_secret_key: SecretStr = Field(SecretStr(""), description="secret of that key")
    store_region: str = Field("us-east-1", description="region the store expects in signatures")
    store_patience: float = Field(
        120.0, ge=0, description="seconds that a running job waits for a store that stopped answering"
    )
    source_endpoint: str = Field(
        "https://s3.us-east-1.amazonaws.com", description="address of the S3 server that s3:// sources lie on"
    )
    source_access_key: str = Field("", description="key id for s3:// sources; none: they are public")
    source_secret_key: SecretStr = Field(SecretStr(""), description="secret of that key")
    source_region: str = Field("us-east-1", description="region of s3:// sources")
    mlflow_url: str = Field("http://127.0.0.1:5000", description="address of the MLflow server")
    airflow_url: str = Field("", description="address of Airflow, for `oi doctor` and the notes on runs")
    airflow_user: str = Field("", description="a user of Airflow who may edit runs")
    airflow_password: SecretStr = Field(SecretStr(""), description="that user's password")
    execution: Literal["local", "kubernetes"] = Field("local", description="run jobs as child processes, or as pods")
    retrain_hours: PositiveFloat = Field(
        24.0, description="hours after which an oi_retrain that has not ended is told, once"
    )
    namespace: str = Field("oi", description="namespace of the pods")
    kubeconfig: Path | None = Field(None, description="kubeconfig of the cluster; none: the pod's own service account")
    trainer_image: str = Field("oi-trainer:dev", description="image of the pods")
    pod_templates: Path | None = Field(
        None, description="folder of cpu.yaml and gpu.yaml; none: the project's k8s/pods"
    )
    pod_secret: str = Field("oi-keys", description="Kubernetes secret with the OI_* lines that pods need")
    cache: Path = Field(
        default_factory=lambda: Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "oi",
        description="folder of the local cache",
    )
    cache_limit: ByteSize = Field(
        ByteSize(20 << 30), description="most that the shards in the cache take up, as 500MB or 20GiB"
    )
    profiles: Path | None = Field(None, description="folder of your own profiles, searched before the shipped ones")


@cache
def settings() -> Settings:
    """The settings of this process. Raises BadInput naming the variable that is wrong."""
    env_file = Path(os.environ.get("OI_ENV_FILE", ".oi/env"))
    try:
        return Settings(_env_file=env_file if env_file.is_file() else None)
    except ValidationError as error:
        first = error.errors()[0]
        name = "OI_" + "_".join(str(part) for part in first["loc"]).upper()
        raise BadInput(
            f"the setting {name} cannot be used: {first['msg']}", where=str(env_file), code="setting"
        ) from None
