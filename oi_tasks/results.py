"""What runs leave in the work bucket: a folder a run with its tasks' results, from which the next tasks read them."""

from urllib.parse import quote

RUNS = "runs/"
TOLD = "told/"  # a mark for each run whose end was told


def result_key(dag_id: str, run_id: str, task_id: str, map_index: int | None = None) -> str:
    """The key of one task's result; `map_index` is the number of a mapped one, else None or -1."""
    index = f"-{map_index}" if map_index is not None and map_index >= 0 else ""
    return f"{RUNS}{dag_id}/{run_id}/{task_id}{index}.json"


def airflow_page(url: str, key: str) -> str:
    """The page of the run that a result belongs to; empty where it is of none, or Airflow's address is not known."""
    if not url or not key.startswith(RUNS):
        return ""
    dag_id, run_id, _ = key.removeprefix(RUNS).split("/", 2)
    return f"{url.rstrip('/')}/dags/{dag_id}/runs/{quote(run_id, safe='')}"


def report_page(url: str, endpoint: str, place: str) -> str:
    """The page of a report, which stands at `place` (bucket/key): in Airflow's tab, else at the store's own address.

    In a cluster pods alone know the store's address; people have Airflow's.
    """
    return f"{url.rstrip('/')}/open-images/report/{place.partition('/')[2]}" if url else f"{endpoint}/{place}"
