"""What each local server is: its command, its settings, where it answers and how it is ended."""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from oi_tasks.local.addresses import Addresses
from oi_tasks.local.rights import MLFLOW

NAMES = ("minio", "mlflow", "airflow")  # the order they start in; they end in the other
JOB_LINES = ("OI_STORE_ENDPOINT", "OI_STORE_ACCESS_KEY", "OI_STORE_SECRET_KEY", "OI_MLFLOW_URL")
CHECKOUT = Path(__file__).resolve().parents[2]
USERS = (("USER", "PASSWORD"), ("VIEWER", "VIEWER_PASSWORD"))  # of Airflow, with their passwords: lines of `.oi/env`
FOREIGN = ("AIRFLOW__", "MLFLOW_", "MINIO_", "AWS_")  # the caller's settings of other installations


@dataclass(frozen=True)
class Server:
    """A server that can be started."""

    name: str
    command: list[str]
    env: dict[str, str]
    """What is set for it, beside the caller's own environment."""
    cwd: Path
    url: str
    files: dict[Path, str] = field(default_factory=dict)
    """Private files that it needs, and what they hold."""
    wait: float = 90
    """Seconds until it must be well."""

    @property
    def fingerprint(self) -> str:
        """Tells whether a running server has these settings, without showing them."""
        own = {name: value for name, value in self.env.items() if name not in ("PATH", "NO_PROXY", "no_proxy")}
        return hashlib.sha256(json.dumps([self.command, own, str(self.cwd)], sort_keys=True).encode()).hexdigest()[:16]

    def environment(self) -> dict[str, str]:
        """The whole environment of its process."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith((*FOREIGN, "OI_"))}
        return kept | self.env


def _local(addresses: Addresses) -> dict[str, str]:
    """Requests to this machine pass by the caller's proxy."""
    names = [os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "", "127.0.0.1", "localhost", addresses.host]
    joined = ",".join(dict.fromkeys(name for name in names if name))
    return {"no_proxy": joined, "NO_PROXY": joined}


def minio(state: Path, addresses: Addresses, keys: Mapping[str, str], program: Path) -> Server:
    """The store. `program` is the server's binary."""
    url = addresses.url("minio_port")
    listen = f"{addresses.bind}:{addresses.minio_port}"
    console = f"{addresses.bind}:{addresses.minio_console_port}"
    data = state / "minio"
    return Server(
        name="minio",
        command=[str(program), "server", "--address", listen, "--console-address", console, str(data)],
        env={
            "MINIO_ROOT_USER": keys["OI_MINIO_ROOT_USER"],
            "MINIO_ROOT_PASSWORD": keys["OI_MINIO_ROOT_PASSWORD"],
            "MINIO_UPDATE": "off",
            "MINIO_CALLHOME_ENABLE": "off",
            "GOMEMLIMIT": "192MiB",  # without it, garbage of making the users stays: 390 MB
        },
        cwd=data,
        url=url,
        wait=60,
    )


def mlflow(state: Path, addresses: Addresses, keys: Mapping[str, str]) -> Server:
    """The tracking server and model registry: a SQLite file, its artifacts in the store's bucket of its own."""
    url = addresses.url("mlflow_port")
    folder = state / "mlflow"
    command = [sys.executable, "-m", "mlflow", "server", "--host", addresses.bind, "--port", str(addresses.mlflow_port)]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--workers", "1"]
    command += ["--artifacts-destination", f"s3://{MLFLOW}"]
    return Server(
        name="mlflow",
        command=command,
        env={
            "AWS_ACCESS_KEY_ID": keys["OI_MLFLOW_STORE_ACCESS_KEY"],
            "AWS_SECRET_ACCESS_KEY": keys["OI_MLFLOW_STORE_SECRET_KEY"],
            "AWS_DEFAULT_REGION": "us-east-1",
            "MLFLOW_S3_ENDPOINT_URL": addresses.url("minio_port"),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 2 processes instead of 10, 425 MB instead of 808
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONUNBUFFERED": "1",
            **_path(),
            **_local(addresses),
        },
        cwd=folder,
        url=url,
    )


def airflow(state: Path, addresses: Addresses, keys: Mapping[str, str], dags: Path) -> Server:
    """Airflow in one piece: scheduler, DAG processor, API server and triggerer on SQLite, four tasks at a time."""
    url = addresses.url("airflow_port")
    home = state / "airflow"
    passwords = home / "passwords.json"
    users = {keys[f"OI_AIRFLOW_{who}"]: keys[f"OI_AIRFLOW_{name}"] for who, name in USERS}
    settings = {
        "CORE__DAGS_FOLDER": str(dags),
        "CORE__PLUGINS_FOLDER": str(CHECKOUT / "dags" / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",  # with the default of 32 it hangs when it is ended
        "CORE__FERNET_KEY": keys["OI_AIRFLOW_FERNET_KEY"],
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{keys['OI_AIRFLOW_USER']}:admin,{keys['OI_AIRFLOW_VIEWER']}:viewer",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "API__HOST": addresses.bind,
        "API__PORT": str(addresses.airflow_port),
        "API__BASE_URL": url,
        "API__WORKERS": "1",
        "API__SECRET_KEY": keys["OI_AIRFLOW_API_SECRET_KEY"],
        "API_AUTH__JWT_SECRET": keys["OI_AIRFLOW_JWT_SECRET"],
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "LOGGING__WORKER_LOG_SERVER_PORT": str(addresses.airflow_log_port),
        "LOGGING__TRIGGER_LOG_SERVER_PORT": str(addresses.airflow_trigger_log_port),
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",  # steps that died with the servers go on soon after
        "SCHEDULER__ENABLE_TRACEMALLOC": "False",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",  # of 1 s, every step waits half for the one before to be seen
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        # A worker may notice only after so many seconds (5 by default) that a task has deferred. What it waits for may
        # be over by then, and Airflow 3.3 takes the late news for a death of the task that goes on.
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    }
    own = {f"AIRFLOW__{name}": value for name, value in settings.items()}
    return Server(
        name="airflow",
        command=[str(Path(sys.executable).parent / "airflow"), "standalone"],
        env=own
        | _callers()
        | job_env(keys)
        | {
            "AIRFLOW_HOME": str(home),
            "OI_ENV_FILE": str(state / "env"),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(CHECKOUT), os.environ.get("PYTHONPATH")))),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "NO_COLOR": "1",
            **_path(),
            **_local(addresses),
        },
        cwd=home,
        url=url,
        files={passwords: json.dumps(users)},
        wait=180,
    )


def job_env(keys: Mapping[str, str]) -> dict[str, str]:
    """The variables that jobs need to find the servers."""
    return {name: keys[name] for name in JOB_LINES}


def _callers() -> dict[str, str]:
    """The caller's own `OI_*` settings, such as OI_EXECUTION, which reach the jobs; those of the servers do not."""
    not_theirs = {"OI_SERVICE", "OI_DAGS", "OI_STATE", *(f"OI_{name.upper()}" for name in Addresses.model_fields)}
    return {name: value for name, value in os.environ.items() if name.startswith("OI_") and name not in not_theirs}


def _path() -> dict[str, str]:
    """A PATH on which this environment's programs come first: Airflow starts its parts by name."""
    return {"PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))}
