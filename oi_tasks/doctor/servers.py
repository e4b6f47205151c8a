"""Whether the store, MLflow and Airflow answer, take the keys and have what a run needs."""

import socket
from urllib.parse import urlsplit

from oi_tasks.doctor.checks import Check
from oi_tasks.errors import Unreachable
from oi_tasks.settings import Settings

DAGS = ("oi_ingest", "oi_retrain")
CONNECT = 3.0  # seconds


def listens(name: str, url: str) -> None:
    """Raise Unreachable unless something listens at an address: the clients would try again for much longer."""
    address = urlsplit(url)
    try:
        port = address.port or (443 if address.scheme == "https" else 80)
        socket.create_connection((address.hostname or "", port), timeout=CONNECT).close()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
        fix = "`oi status` tells of the local servers, `oi up` starts them; for others see `oi doctor --help`"
        raise Unreachable(f"{name} cannot be reached: {reason}", where=url, fix=fix, code="unreachable") from None


def store(settings: Settings) -> list[Check]:
    """The store answers, takes the key, and has the buckets; the ledger's keeps what is written over or removed."""
    from oi_tasks.io.store import BUCKETS, LEDGER, Store

    if not settings.store_access_key:
        fix = "`oi up` makes a local one; else OI_STORE_ENDPOINT, OI_STORE_ACCESS_KEY, OI_STORE_SECRET_KEY"
        return [Check("store", "not configured", "OI_STORE_ACCESS_KEY is not set", fix)]
    if not settings.store_secret_key.get_secret_value():
        return [Check("store", "failed", "OI_STORE_SECRET_KEY is not set", "set it beside OI_STORE_ACCESS_KEY")]
    listens("the store", settings.store_endpoint)
    found = Store(settings)
    found.check()
    well = Check("store", "ok", f"{settings.store_endpoint} takes the key; {len(BUCKETS)} buckets")
    if not found.keeps_versions(LEDGER):
        what = f"the bucket {LEDGER} keeps no versions: an entry that is written over or removed is lost, unseen"
        return [well, Check("ledger", "failed", what, "turn versioning on; a server without it cannot hold the ledger")]
    if not found.locks(LEDGER):
        what = f"the bucket {LEDGER} locks nothing by default: whoever has the root's key can remove an entry for good"
        return [well, Check("ledger", "failed", what, "make it with object lock and a default retention")]
    return [well, Check("ledger", "ok", f"the bucket {LEDGER} keeps versions, and locks them")]


def mlflow(settings: Settings) -> list[Check]:
    """MLflow answers."""
    from oi_tasks.io.tracking import Tracking

    if "mlflow_url" not in settings.model_fields_set:
        return [Check("MLflow", "not configured", "OI_MLFLOW_URL is not set", "`oi up` starts one; else set it")]
    listens("MLflow", settings.mlflow_url)
    Tracking(settings).check()
    return [Check("MLflow", "ok", f"{settings.mlflow_url} answers")]


def airflow(settings: Settings) -> list[Check]:
    """Airflow is healthy, takes the password, and has read the DAGs."""
    from oi_tasks.local.airflow_api import Airflow
    from oi_tasks.local.health import problem

    url = settings.airflow_url.rstrip("/")
    if not url:
        return [Check("Airflow", "not configured", "OI_AIRFLOW_URL is not set", "`oi up` starts one; else set it")]
    listens("Airflow", url)
    if wrong := problem("airflow", url):
        return [Check("Airflow", "failed", f"{wrong} ({url})", "see its log")]
    api = Airflow(url, settings.airflow_user, settings.airflow_password.get_secret_value())
    if broken := api.import_errors():
        return [Check("Airflow", "failed", f"a DAG file cannot be read: {broken[0]}", "mend it, or its settings")]
    if missing := [dag for dag in DAGS if not api.dag_exists(dag)]:
        fix = "its DAG folder is the project's `dags`; reading it takes a minute after a start"
        return [Check("Airflow", "failed", f"it has no DAG {', '.join(missing)} ({url})", fix)]
    return [Check("Airflow", "ok", f"{url} is healthy and has {', '.join(DAGS)}")]
