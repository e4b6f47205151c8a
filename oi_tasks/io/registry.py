"""What the model registry and the runs say at a glance, by MLflow's REST interface.

`io/tracking.py` goes through MLflow's own client, which takes 3 s and 190 MB to import: too much for a page of the
Airflow server, or for a command that only wants to know who is champion.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError

from oi_tasks.errors import Unreachable
from oi_tasks.io.tracking import EXPERIMENTS

TIMEOUT = 5.0  # seconds
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True)
class ModelVersion:
    """A version in the registry."""

    version: int
    tags: dict[str, str]
    page: str


@dataclass(frozen=True)
class RunPage:
    """A run, and where its page is."""

    id: str
    active: bool
    page: str


class Registry:
    """The registry at `OI_MLFLOW_URL`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def at_alias(self, model: str, alias: str) -> ModelVersion | None:
        """The version that an alias of a model points to; None if it points to none. Raises Unreachable."""
        answer = self._get("registered-models/alias", {"name": model, "alias": alias})
        return None if answer is None else self._version(model, answer["model_version"])

    def version(self, model: str, version: int) -> ModelVersion | None:
        """A version of a model; None if there is none. Raises Unreachable."""
        answer = self._get("model-versions/get", {"name": model, "version": str(version)})
        return None if answer is None else self._version(model, answer["model_version"])

    def page_of(self, model: str, version: int) -> str:
        """The page of a version."""
        return f"{self.url}/#/models/{model}/versions/{version}"

    def _version(self, model: str, said: Any) -> ModelVersion:
        tags = {tag["key"]: tag["value"] for tag in said.get("tags", [])}
        version = int(said["version"])
        return ModelVersion(version, tags, self.page_of(model, version))

    def run(self, run_id: str) -> RunPage | None:
        """A run by its id; None if there is none. Raises Unreachable."""
        answer = self._get("runs/get", {"run_id": run_id})
        return None if answer is None else self._page(answer["run"])

    def newest_run(self, tag: str, value: str) -> RunPage | None:
        """The run with that tag that began last; None if there is none. Raises Unreachable."""
        names = {name for name, _ in EXPERIMENTS.values()}
        asked = {"filter": "name LIKE 'oi %'", "max_results": 1000}
        found = (self._ask("POST", "experiments/search", asked) or {}).get("experiments", [])
        ids = [experiment["experiment_id"] for experiment in found if experiment["name"] in names]
        if not ids or "'" in value:
            return None
        asked = {
            "experiment_ids": ids,
            "filter": f"tags.`{tag}` = '{value}'",
            "order_by": ["attributes.start_time DESC"],
            "max_results": 1,
        }
        runs = (self._ask("POST", "runs/search", asked) or {}).get("runs", [])
        return self._page(runs[0]) if runs else None

    def _page(self, said: Any) -> RunPage:
        info = said["info"]
        page = f"{self.url}/#/experiments/{info['experiment_id']}/runs/{info['run_id']}"
        return RunPage(info["run_id"], info["status"] == "RUNNING", page)

    def _get(self, path: str, query: dict[str, str]) -> Any:
        return self._ask("GET", f"{path}?{urlencode(query)}")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON answer; None where the registry has no such thing."""
        fix = "is it running? `oi up` starts the local one; the address is OI_MLFLOW_URL"
        address = f"{self.url}/api/2.0/mlflow/{path}"
        try:
            reply = urllib3.request(method, address, json=body, timeout=TIMEOUT, retries=False)
            said = reply.json()
        except (HTTPError, ValueError) as error:
            what = f"MLflow does not answer: {type(error).__name__}"
            raise Unreachable(what, self.url, fix, "mlflow_down") from None
        if reply.status == 200:
            return said
        if isinstance(said, dict) and said.get("error_code") in ABSENT:
            return None
        raise Unreachable(f"MLflow answers {reply.status}", self.url, fix, "mlflow_down")
