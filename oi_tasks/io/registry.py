"""What the model registry says at a glance, by MLflow's REST interface.

`io/tracking.py` goes through MLflow's own client, which takes 3 s and 190 MB to import: too much for a page of the
Airflow server, or for a command that only wants to know who is champion.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError

from oi_tasks.errors import Unreachable

TIMEOUT = 5.0  # seconds
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True)
class ModelVersion:
    """A version in the registry."""

    version: int
    tags: dict[str, str]
    page: str


class Registry:
    """The registry at `OI_MLFLOW_URL`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def at_alias(self, model: str, alias: str) -> ModelVersion | None:
        """The version that an alias of a model points to; None if it points to none. Raises Unreachable."""
        answer = self._get("registered-models/alias", {"name": model, "alias": alias})
        if answer is None:
            return None
        said = answer["model_version"]
        tags = {tag["key"]: tag["value"] for tag in said.get("tags", [])}
        version = int(said["version"])
        return ModelVersion(version, tags, f"{self.url}/#/models/{model}/versions/{version}")

    def _get(self, path: str, query: dict[str, str]) -> Any:
        """The JSON answer; None where the registry has no such thing."""
        fix = "is it running? `oi status` tells; its address is OI_MLFLOW_URL"
        address = f"{self.url}/api/2.0/mlflow/{path}?{urlencode(query)}"
        try:
            reply = urllib3.request("GET", address, timeout=TIMEOUT, retries=False)
            said = reply.json()
        except (HTTPError, ValueError) as error:
            what = f"MLflow does not answer: {type(error).__name__}"
            raise Unreachable(what, self.url, fix, "mlflow_down") from None
        if reply.status == 200:
            return said
        if isinstance(said, dict) and said.get("error_code") in ABSENT:
            return None
        raise Unreachable(f"MLflow answers {reply.status}", self.url, fix, "mlflow_down")
