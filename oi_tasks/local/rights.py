"""Buckets, users and their rights at the local MinIO: each component has its own key with only what it needs."""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from minio import Minio
from minio.commonconfig import COMPLIANCE
from minio.credentials import StaticProvider
from minio.error import MinioAdminException, MinioException
from minio.minioadmin import MinioAdmin
from minio.objectlockconfig import YEARS, ObjectLockConfig
from urllib3.exceptions import HTTPError

from oi_tasks.errors import Unreachable
from oi_tasks.io.store import BUCKETS, LEDGER, REPORTS

MLFLOW = "mlflow"
LIST = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
READ_WRITE = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
HISTORY = ["s3:GetBucketVersioning", "s3:ListBucketVersions", "s3:GetObjectVersion"]
LEDGER_KEPT = ObjectLockConfig(COMPLIANCE, 10, YEARS)  # no key, not even the root's, removes an entry before that
RETENTION = ["s3:GetBucketObjectLockConfiguration", "s3:GetObjectRetention", "s3:PutObjectRetention"]


def _allow(actions: list[str], *buckets: str) -> dict[str, Any]:
    """A statement that allows actions on buckets and all in them."""
    names = [f"arn:aws:s3:::{bucket}{end}" for bucket in buckets for end in ("", "/*")]
    return {"Effect": "Allow", "Action": actions, "Resource": names}


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def policies() -> dict[str, dict[str, Any]]:
    """The rights of each component. Jobs append to the ledger: they can neither delete there nor lift a lock."""
    working = [bucket for bucket in BUCKETS if bucket != LEDGER]
    return {
        "oi-jobs": _policy(
            _allow([*LIST, *READ_WRITE, "s3:DeleteObject"], *working),
            _allow([*LIST, *READ_WRITE, *HISTORY, *RETENTION], LEDGER),
        ),
        "oi-mlflow": _policy(_allow([*LIST, *READ_WRITE, "s3:DeleteObject"], MLFLOW)),
    }


# Whoever reaches the local store, which is this machine, may open a report in a browser; not list them.
READABLE = _policy(
    {
        "Effect": "Allow",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{REPORTS}/*"],
    }
)


def apply(endpoint: str, keys: Mapping[str, str], *, open_reports: bool = True) -> None:
    """Make the buckets, users and policies that are missing, and bring the policies up to date. Safe to repeat.

    `endpoint` is `host:port`; `keys` are the lines of `.oi/env`; `open_reports` lets anyone read a report whose address
    they know. Raises Unreachable.
    """
    root, password = keys["OI_MINIO_ROOT_USER"], keys["OI_MINIO_ROOT_PASSWORD"]
    try:
        client = Minio(endpoint, access_key=root, secret_key=password, secure=False)
        for bucket in (*BUCKETS, MLFLOW):
            if not client.bucket_exists(bucket):
                client.make_bucket(bucket, object_lock=bucket == LEDGER)  # a lock needs versions, and turns them on
        client.set_object_lock_config(LEDGER, LEDGER_KEPT)
        if open_reports:
            client.set_bucket_policy(REPORTS, json.dumps(READABLE))
        admin = MinioAdmin(endpoint=endpoint, credentials=StaticProvider(root, password), secure=False)
        for name, policy in policies().items():
            admin.policy_add(name, policy=policy)
        _user(admin, keys["OI_STORE_ACCESS_KEY"], keys["OI_STORE_SECRET_KEY"], "oi-jobs")
        _user(admin, keys["OI_MLFLOW_STORE_ACCESS_KEY"], keys["OI_MLFLOW_STORE_SECRET_KEY"], "oi-mlflow")
    except (MinioException, HTTPError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise Unreachable(f"MinIO could not be set up: {reason}", where=endpoint, code="server_start") from None


def _user(admin: MinioAdmin, access_key: str, secret_key: str, policy: str) -> None:
    """A user with that secret and exactly that policy."""
    admin.user_add(access_key, secret_key)
    held = json.loads(admin.user_info(access_key)).get("policyName", "")
    if held == policy:
        return
    if held:
        admin.detach_policy(held.split(","), user=access_key)
    try:
        admin.attach_policy([policy], user=access_key)
    except MinioAdminException as error:
        if "already in effect" not in str(error):
            raise


if __name__ == "__main__":  # the set-up job of k8s/base; the keys are in its environment
    try:
        apply(sys.argv[1], os.environ, open_reports=False)
        print(f"the store at {sys.argv[1]} has its buckets and keys")
    except Unreachable as error:
        sys.exit(error.line)
