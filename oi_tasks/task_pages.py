"""Where the page of a step of a run is, and its run in MLflow: what the links of a task in Airflow lead to."""

from typing import Any

from oi_tasks.io.registry import Registry
from oi_tasks.io.store import REPORTS, WORK, NotFound, Store
from oi_tasks.io.tracking import RESULT_TAG
from oi_tasks.settings import Settings


def page_of(settings: Settings, key: str, field: str) -> str | None:
    """The report that a field of a task's result names, as `bucket/key`; None while there is none.

    `key` is the result's. Raises Unreachable.
    """
    place = _result(settings, key).get(field)
    return place if isinstance(place, str) and place.startswith(f"{REPORTS}/") else None


def mlflow_page_of(settings: Settings, key: str) -> str | None:
    """The address of the run in MLflow of a task, from its start on; of one that was reused, the run that made it.

    None while there is none. Raises Unreachable.
    """
    registry = Registry(settings.mlflow_url)
    own = registry.newest_run(RESULT_TAG, key)
    made = None if own is not None and own.active else _result(settings, key).get("mlflow_run")
    found = registry.run(made) if isinstance(made, str) else own
    return None if found is None else found.page


def _result(settings: Settings, key: str) -> dict[str, Any]:
    """What the job returned; empty while it runs."""
    try:
        return dict(Store(settings, tries=0).get_json(WORK, key)["result"])
    except NotFound:
        return {}
