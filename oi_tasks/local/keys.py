"""The keys of the local servers: made at first start, kept in one file that only its owner can read."""

import base64
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from oi_tasks.errors import BadInput

HEADER = (
    "# Made at the first start of the local servers. It holds secrets: keep it out of git, and readable by you alone.\n"
)


def new_keys() -> dict[str, str]:
    """Fresh keys, one line of `.oi/env` each."""
    return {
        "OI_MINIO_ROOT_USER": "oi-root",
        "OI_MINIO_ROOT_PASSWORD": secrets.token_urlsafe(24),
        "OI_STORE_ACCESS_KEY": "oi-jobs",
        "OI_STORE_SECRET_KEY": secrets.token_urlsafe(24),
        "OI_MLFLOW_STORE_ACCESS_KEY": "oi-mlflow",
        "OI_MLFLOW_STORE_SECRET_KEY": secrets.token_urlsafe(24),
        "OI_AIRFLOW_USER": "admin",
        "OI_AIRFLOW_PASSWORD": secrets.token_urlsafe(15),
        "OI_AIRFLOW_VIEWER": "viewer",
        "OI_AIRFLOW_VIEWER_PASSWORD": secrets.token_urlsafe(15),
        "OI_AIRFLOW_FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "OI_AIRFLOW_JWT_SECRET": secrets.token_urlsafe(48),
        "OI_AIRFLOW_API_SECRET_KEY": secrets.token_urlsafe(32),
    }


def read(path: Path) -> dict[str, str]:
    """The lines of the file; none when there is no file. Raises BadInput when it cannot be read."""
    if not path.exists():
        return {}
    try:
        return {name: value for name, value in dotenv_values(path, interpolate=False).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the keys cannot be read: {error}", where=str(path), code="bad_file") from None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read; it appears whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it mode 600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def ensure(path: Path, lines: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """Every key and the given lines, written where the file lacks them.

    Keys and lines of the user's own that stand in the file stay. Returns what the file now says,
    and whether any key was made.
    """
    kept = read(path)
    fresh = {name: value for name, value in new_keys().items() if not kept.get(name)}
    wanted = kept | fresh | dict(lines)
    if wanted != kept:
        write_private(path, HEADER + "".join(f"{name}={value}\n" for name, value in wanted.items()))
    elif path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return wanted, bool(fresh)
