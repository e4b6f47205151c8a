"""What each key may do at a real MinIO: jobs append to the ledger, MLflow has its own bucket, neither has more."""

import io
from datetime import UTC, datetime, timedelta

import pytest
import urllib3
from minio import Minio
from minio.commonconfig import COMPLIANCE
from minio.error import S3Error
from minio.retention import Retention

from oi_tasks.io.store import BUCKETS, DATA, LEDGER, REPORTS
from oi_tasks.local import keys, rights
from oi_tasks.settings import Settings
from tests.conftest import Servers


def client(servers: Servers, access: str, secret: str) -> Minio:
    lines = keys.read(servers.state / "env")
    host = lines["OI_STORE_ENDPOINT"].removeprefix("http://")
    return Minio(host, access_key=lines[access], secret_key=lines[secret], secure=False, region="us-east-1")


@pytest.fixture
def root(servers: Servers, minio_settings: Settings) -> Minio:
    return client(servers, "OI_MINIO_ROOT_USER", "OI_MINIO_ROOT_PASSWORD")


@pytest.fixture
def jobs(servers: Servers, minio_settings: Settings) -> Minio:
    return client(servers, "OI_STORE_ACCESS_KEY", "OI_STORE_SECRET_KEY")


@pytest.fixture
def mlflow(servers: Servers, minio_settings: Settings) -> Minio:
    return client(servers, "OI_MLFLOW_STORE_ACCESS_KEY", "OI_MLFLOW_STORE_SECRET_KEY")


def put(store: Minio, bucket: str, key: str, retention: Retention | None = None) -> str | None:
    return store.put_object(bucket, key, io.BytesIO(b"x"), 1, retention=retention).version_id


def denied(error: pytest.ExceptionInfo[S3Error]) -> bool:
    return error.value.code == "AccessDenied"


def test_the_buckets_are_there_and_only_the_ledger_is_locked(root: Minio) -> None:
    assert {bucket.name for bucket in root.list_buckets()} == {*BUCKETS, "mlflow"}
    assert root.get_bucket_versioning(LEDGER).status == "Enabled"
    assert root.get_object_lock_config(LEDGER) is not None
    with pytest.raises(S3Error) as unlocked:
        root.get_object_lock_config(DATA)
    assert unlocked.value.code == "ObjectLockConfigurationNotFoundError"


def test_jobs_read_write_and_delete_in_their_buckets(jobs: Minio) -> None:
    for bucket in (each for each in BUCKETS if each != LEDGER):
        put(jobs, bucket, "rights/probe")
        assert [found.object_name for found in jobs.list_objects(bucket, "rights/")] == ["rights/probe"]
        jobs.remove_object(bucket, "rights/probe")


def test_jobs_append_to_the_ledger_but_delete_nothing_there(jobs: Minio, root: Minio) -> None:
    until = Retention(COMPLIANCE, datetime.now(UTC) + timedelta(seconds=2))
    version = put(jobs, LEDGER, "rights/entry", retention=until)
    assert jobs.get_object(LEDGER, "rights/entry").read() == b"x"
    assert jobs.get_object_retention(LEDGER, "rights/entry").mode == COMPLIANCE
    for which in (None, version):
        with pytest.raises(S3Error) as refused:
            jobs.remove_object(LEDGER, "rights/entry", version_id=which)
        assert denied(refused)
    later = put(jobs, LEDGER, "rights/entry")
    versions = {found.version_id for found in root.list_objects(LEDGER, "rights/", include_version=True)}
    assert versions == {version, later}


def test_the_owner_cannot_delete_a_locked_entry_either(jobs: Minio, root: Minio) -> None:
    until = Retention(COMPLIANCE, datetime.now(UTC) + timedelta(minutes=1))
    version = put(jobs, LEDGER, "rights/locked", retention=until)
    with pytest.raises(S3Error, match="WORM"):
        root.remove_object(LEDGER, "rights/locked", version_id=version)


def test_jobs_have_no_part_in_mlflows_bucket(jobs: Minio, mlflow: Minio) -> None:
    put(mlflow, "mlflow", "rights/artifact")
    for attempt in (
        lambda: put(jobs, "mlflow", "rights/theirs"),
        lambda: jobs.get_object("mlflow", "rights/artifact"),
        lambda: list(jobs.list_objects("mlflow")),
        lambda: jobs.remove_object("mlflow", "rights/artifact"),
        lambda: jobs.make_bucket("oi-another"),
        lambda: jobs.remove_bucket(DATA),
    ):
        with pytest.raises(S3Error) as refused:
            attempt()
        assert denied(refused)


@pytest.mark.parametrize("bucket", BUCKETS)
def test_mlflow_has_no_part_in_the_jobs_buckets(mlflow: Minio, bucket: str) -> None:
    with pytest.raises(S3Error) as refused:
        list(mlflow.list_objects(bucket))
    assert denied(refused)
    with pytest.raises(S3Error) as refused:
        put(mlflow, bucket, "rights/theirs")
    assert denied(refused)


def test_anybody_here_may_open_a_report_and_nothing_else(servers: Servers, jobs: Minio) -> None:
    endpoint = keys.read(servers.state / "env")["OI_STORE_ENDPOINT"]
    put(jobs, REPORTS, "rights/page.html")
    put(jobs, DATA, "rights/table")
    asked = (f"{REPORTS}/rights/page.html", REPORTS, f"{DATA}/rights/table", DATA)
    assert [urllib3.request("GET", f"{endpoint}/{path}").status for path in asked] == [200, 403, 403, 403]
    assert urllib3.request("PUT", f"{endpoint}/{REPORTS}/rights/page.html", body=b"y").status == 403


def test_setting_up_again_changes_nothing_and_repairs_a_right_that_was_widened(servers: Servers, jobs: Minio) -> None:
    lines = keys.read(servers.state / "env")
    endpoint = lines["OI_STORE_ENDPOINT"].removeprefix("http://")
    admin = rights.MinioAdmin(
        endpoint=endpoint,
        credentials=rights.StaticProvider(lines["OI_MINIO_ROOT_USER"], lines["OI_MINIO_ROOT_PASSWORD"]),
        secure=False,
    )
    admin.attach_policy(["readwrite"], user=lines["OI_STORE_ACCESS_KEY"])
    rights.apply(endpoint, lines)
    rights.apply(endpoint, lines)
    with pytest.raises(S3Error) as refused:
        list(jobs.list_objects("mlflow"))
    assert denied(refused)
    put(jobs, DATA, "rights/probe")


def test_a_wrong_root_password_is_one_line(servers: Servers, minio_settings: Settings) -> None:
    lines = keys.read(servers.state / "env") | {"OI_MINIO_ROOT_PASSWORD": "not-this-one"}
    with pytest.raises(rights.Unreachable, match="MinIO could not be set up") as refused:
        rights.apply(minio_settings.store_endpoint.removeprefix("http://"), lines)
    assert "\n" not in str(refused.value)
