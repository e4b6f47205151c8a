"""A second S3 server beside MinIO, on which the behaviour of the store is tested too: Versity's gateway to a folder."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minio import Minio
from minio.objectlockconfig import ObjectLockConfig
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed
from urllib3.exceptions import HTTPError

from oi_tasks.io.store import BUCKETS, LEDGER
from oi_tasks.local.go_program import GoProgram
from oi_tasks.local.keys import new_keys, write_private
from oi_tasks.local.rights import LEDGER_KEPT, policies
from oi_tasks.settings import Settings

VERSION = "v1.8.0"  # 95 s to build on 2 busy cores, 45 MB
VERSITYGW = GoProgram("versitygw", "versitygw", f"github.com/versity/versitygw/cmd/versitygw@{VERSION}", "Version  :")


@contextmanager
def running(state: Path, *, versions: bool = True, lock: ObjectLockConfig | None = LEDGER_KEPT) -> Iterator[Settings]:
    """A gateway with the buckets and the jobs' key, as docs/kubernetes.md asks for; settings that reach it.

    Without `versions` it keeps none, and so no object lock either.
    """
    program = VERSITYGW.obtain(Settings().cache / f"versitygw-{VERSION}", print)
    keys = new_keys()
    root, password = keys["OI_MINIO_ROOT_USER"], keys["OI_MINIO_ROOT_PASSWORD"]
    for name in ("data", "versions", "users"):
        (state / name).mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        host = f"127.0.0.1:{free.getsockname()[1]}"
    kept = ["--versioning-dir", str(state / "versions")] if versions else []
    command = [str(program), "--port", host, "--iam-dir", str(state / "users"), "posix", *kept, str(state / "data")]
    environment = os.environ | {"ROOT_ACCESS_KEY": root, "ROOT_SECRET_KEY": password}
    with (state / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        client = Minio(host, access_key=root, secret_key=password, secure=False, region="us-east-1")
        _wait(client)
        user = ["create-user", "-a", keys["OI_STORE_ACCESS_KEY"], "-s", keys["OI_STORE_SECRET_KEY"], "-r", "user"]
        admin = [str(program), "admin", "-a", root, "-s", password, "-er", f"http://{host}"]
        subprocess.run([*admin, *user], check=True, capture_output=True)
        _make_buckets(client, keys["OI_STORE_ACCESS_KEY"], lock if versions else None)
        lines = {name: keys[name] for name in ("OI_STORE_ACCESS_KEY", "OI_STORE_SECRET_KEY")}
        lines |= {"OI_STORE_ENDPOINT": f"http://{host}"}
        lines |= {"OI_MINIO_ROOT_USER": root, "OI_MINIO_ROOT_PASSWORD": password}  # for tests of what the root may do
        write_private(state / "env", "".join(f"{name}={value}\n" for name, value in lines.items()))
        yield Settings(_env_file=state / "env", cache=state / "cache")
    finally:
        server.terminate()
        server.wait(30)


@retry(retry=retry_if_exception_type(HTTPError), wait=wait_fixed(0.2), stop=stop_after_delay(60))
def _wait(client: Minio) -> None:
    client.list_buckets()


def _make_buckets(client: Minio, user: str, lock: ObjectLockConfig | None) -> None:
    """The buckets of the jobs, each with the part of the jobs' rights that is about it."""
    (reading_and_writing, appending) = policies()["oi-jobs"]["Statement"]
    for bucket in BUCKETS:
        locked = bucket == LEDGER and lock is not None
        client.make_bucket(bucket, object_lock=locked)
        if locked and lock is not None:
            client.set_object_lock_config(bucket, lock)
        rights = appending if bucket == LEDGER else reading_and_writing
        own = [name for name in rights["Resource"] if name.removesuffix("/*").endswith(f":{bucket}")]
        statement = {**rights, "Principal": {"AWS": [user]}, "Resource": own}
        client.set_bucket_policy(bucket, json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
