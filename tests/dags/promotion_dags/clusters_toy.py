"""The trainings of clusters and what comes after them, wired as `oi_retrain` has it; what the form names fails."""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, task
from airflow.sdk.exceptions import AirflowFailException
from jobs import trained


@task
def clusters(params: dict[str, Any]) -> list[str]:
    """Those that the form names. Fails where the form says so."""
    _trained("clusters", params)
    return list(params["clusters"])


@task
def train_classifier(params: dict[str, Any]) -> str:
    """Fails where the form says so."""
    return _trained("classifier", params)


@task
def train_semseg(cluster: str, classifier: str, params: dict[str, Any]) -> dict[str, str]:
    """Fails for the clusters that the form says."""
    return {"id": _trained(cluster, params)}


@task
def evaluate(classifier: str, semseg: list[dict[str, str]]) -> list[str]:
    """What would be scored."""
    return [model["id"] for model in semseg]


def _trained(name: str, params: dict[str, Any]) -> str:
    if name in params["failing"]:
        raise AirflowFailException(f"{name} cannot be trained")
    return name


with DAG(
    "toy_clusters",
    schedule=None,
    max_active_runs=4,
    default_args={"retries": 5, "retry_delay": timedelta(seconds=1)},  # a machine too busy to start a task is no fault
    params={"clusters": Param([], type="array"), "failing": Param([], type="array")},
):
    named, classifier = clusters(), train_classifier()
    named >> classifier
    evaluate(classifier, trained(train_semseg.partial(classifier=classifier).expand(cluster=named)))
