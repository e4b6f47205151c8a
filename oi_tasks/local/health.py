"""What is wrong with a server, in a few words; nothing when it is well."""

import urllib3
from urllib3.exceptions import HTTPError

HTTP = urllib3.PoolManager(timeout=urllib3.Timeout(connect=2, read=10), retries=False)


def problem(name: str, url: str) -> str:
    """What is wrong with the named server at that address; empty when it is well."""
    try:
        reply = HTTP.request("GET", url + PATHS[name])
        if reply.status != 200:
            return f"answers {reply.status}"
        return _ill_parts(reply.json()) if name == "airflow" else ""
    except HTTPError as error:
        return f"no answer ({type(error).__name__})"
    except ValueError:
        return "answers what is not JSON"


PATHS = {"minio": "/minio/health/ready", "mlflow": "/health", "airflow": "/api/v2/monitor/health"}


def _ill_parts(parts: dict[str, dict[str, str | None] | None]) -> str:
    """Which of Airflow's parts is not well. A part that this Airflow does not run has no status."""
    ill = [part for part, said in parts.items() if said and said.get("status") not in ("healthy", None)]
    return f"not healthy: {', '.join(ill)}" if ill else ""
