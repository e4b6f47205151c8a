"""The object store: MinIO, or anything that speaks S3, behind the few calls that jobs make."""

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from minio import Minio
from minio.credentials import Credentials
from minio.error import InvalidResponseError, S3Error, ServerError
from minio.signer import presign_v4
from urllib3.exceptions import HTTPError, SSLError
from urllib3.util import Retry, Timeout

from oi_tasks.core.fingerprint import BLOCK
from oi_tasks.errors import BadInput, OiError, Unreachable
from oi_tasks.io.certificates import authorities
from oi_tasks.io.disk import is_full
from oi_tasks.io.patient import PatientPool, whole
from oi_tasks.io.version_list import ObjectVersion, list_versions
from oi_tasks.settings import Settings

RAW, DATA, WORK, REPORTS, LEDGER = "oi-raw", "oi-data", "oi-work", "oi-reports", "oi-ledger"
BUCKETS = (RAW, DATA, WORK, REPORTS, LEDGER)
PART_SIZE = 16 << 20
KEY_PROBLEMS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "InvalidTokenId"}

NO_LOCK = {"ObjectLockConfigurationNotFoundError", "NotImplemented", "MethodNotAllowed"}  # none set, or none known


class NotFound(OiError):
    """No object stands under that key."""


def photo_key(sha256: str) -> str:
    """Key in the raw bucket of content known by its SHA-256: photos and release files are stored once, by content."""
    return f"sha256/{sha256[:2]}/{sha256}"


class Store:
    """A connection to the store. Safe to share between threads, not between processes.

    Requests that fail on the way (resets, 5xx) are retried with backoff, and a store that was there is waited for
    (`Settings.store_patience`); what still fails raises Unreachable (server down, wrong key) or NotFound. `tries`: how
    often a request is sent again; with 0 nothing is waited for.
    """

    def __init__(self, settings: Settings, connections: int = 32, tries: int = 5) -> None:
        address = urlsplit(settings.store_endpoint)
        if address.scheme not in ("http", "https") or not address.netloc:
            raise BadInput(
                f"the store's address {settings.store_endpoint!r} is not a web address",
                where="OI_STORE_ENDPOINT",
                fix="write it as http://host:port",
                code="setting",
            )
        self.endpoint = settings.store_endpoint.rstrip("/")
        key, secret = settings.store_access_key, settings.store_secret_key.get_secret_value()
        self._credentials = Credentials(key, secret) if key else None  # none: without, as public buckets allow
        self._region = settings.store_region
        self.kept_bytes = 0  # written so far, but for the bucket of work, whose files go
        self._counting = Lock()
        self._http = PatientPool(
            settings.store_patience if tries else 0.0,
            maxsize=connections,
            timeout=Timeout(connect=5, read=120),
            retries=Retry(
                total=tries, connect=min(tries, 3), backoff_factor=0.3, status_forcelist=(500, 502, 503, 504)
            ),
            cert_reqs="CERT_REQUIRED",
            ca_certs=authorities(),
        )
        self._client = Minio(
            address.netloc,
            access_key=key or None,
            secret_key=secret or None,
            secure=address.scheme == "https",
            region=settings.store_region,
            http_client=self._http,
        )

    @contextmanager
    def _asking(self, bucket: str, key: str = "") -> Iterator[None]:
        """Turn the SDK's errors into one line that names the place."""
        where = f"{self.endpoint} {bucket}/{key}".rstrip("/")
        try:
            yield
        except S3Error as error:
            if error.code in ("NoSuchKey", "NoSuchObject"):
                raise NotFound("no such object in the store", where=where, code="not_found") from None
            if error.code == "NoSuchBucket":
                raise Unreachable(
                    f"the store has no bucket {bucket}", where, "create it: oi up, or k8s/", code="store_answer"
                ) from None
            if error.code in KEY_PROBLEMS:
                fix = "check OI_STORE_ACCESS_KEY and OI_STORE_SECRET_KEY"
                raise Unreachable(f"the store refuses the key: {error.code}", where, fix, "store_key") from None
            raise Unreachable(f"the store answered {error.code}: {error.message}", where, code="store_answer") from None
        except (HTTPError, ServerError, InvalidResponseError, OSError) as error:
            if isinstance(error, OSError) and (error.filename is not None or is_full(error)):
                raise  # a local file, not the store
            reason = type(error).__name__
            if isinstance(getattr(error, "reason", error), SSLError):
                fix = "SSL_CERT_FILE names a file of the authorities to trust, PEM"
                raise Unreachable("the store's certificate is not trusted", where, fix, "store_down") from None
            fix = "is it running? `oi up` starts the local one; the address is OI_STORE_ENDPOINT"
            raise Unreachable(f"the store does not answer: {reason}", where, fix, "store_down") from None

    def check(self) -> None:
        """Raise Unreachable unless the store answers, takes the key, and has the buckets."""
        for bucket in BUCKETS:
            with self._asking(bucket):
                next(self._client.list_objects(bucket, prefix="-", recursive=False), None)

    def put_bytes(self, bucket: str, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Store bytes under a key, whole or not at all."""
        with self._asking(bucket, key):
            self._client.put_object(bucket, key, io.BytesIO(data), len(data), content_type=content_type)
        self._count(bucket, len(data))

    def _count(self, bucket: str, size: int) -> None:
        if bucket != WORK:
            with self._counting:
                self.kept_bytes += size

    def get_bytes(self, bucket: str, key: str, version: str | None = None) -> bytes:
        """The bytes under a key, of the newest version unless one is named. Raises NotFound."""

        def read() -> bytes:
            response = self._client.get_object(bucket, key, version_id=version)
            try:
                data: bytes = response.read()
                return data
            finally:
                response.close()
                response.release_conn()

        with self._asking(bucket, key):
            return whole(read)

    def put_json(self, bucket: str, key: str, value: Any) -> None:
        """Store a JSON value, indented so that it can be read in the store's own page."""
        self.put_bytes(bucket, key, json.dumps(value, indent=1, sort_keys=True).encode(), "application/json")

    def get_json(self, bucket: str, key: str) -> Any:
        """The JSON value under a key. Raises NotFound."""
        return json.loads(self.get_bytes(bucket, key))

    def put_file(self, bucket: str, key: str, path: Path, content_type: str = "application/octet-stream") -> None:
        """Store a file, in parts when it is large."""
        with self._asking(bucket, key):
            self._client.fput_object(bucket, key, str(path), content_type=content_type, part_size=PART_SIZE)
        self._count(bucket, path.stat().st_size)

    def get_file(self, bucket: str, key: str, path: Path) -> None:
        """Fetch an object into a file; the file appears whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._asking(bucket, key):
            whole(lambda: self._client.fget_object(bucket, key, str(path)))

    def digest(self, bucket: str, key: str) -> tuple[str, int]:
        """SHA-256 in hex, and size in bytes, of what stands under a key, read in blocks. Raises NotFound."""

        def read() -> tuple[str, int]:
            response = self._client.get_object(bucket, key)
            try:
                found, size = hashlib.sha256(), 0
                for block in response.stream(BLOCK):
                    found.update(block)
                    size += len(block)
                return found.hexdigest(), size
            finally:
                response.close()
                response.release_conn()

        with self._asking(bucket, key):
            return whole(read)

    def holds(self, bucket: str, key: str, sha256: str) -> bool:
        """Whether what stands under a key has that SHA-256: it is read back."""
        try:
            return self.digest(bucket, key)[0] == sha256
        except NotFound:
            return False

    def exists(self, bucket: str, key: str) -> bool:
        """Whether an object stands under the key."""
        try:
            with self._asking(bucket, key):
                self._client.stat_object(bucket, key)
        except NotFound:
            return False
        return True

    def list(self, bucket: str, prefix: str = "") -> Iterator[str]:
        """Keys under a prefix, in order."""
        with self._asking(bucket, prefix):
            for item in self._client.list_objects(bucket, prefix=prefix, recursive=True):
                if item.object_name is not None:
                    yield item.object_name

    def newest(self, bucket: str, prefix: str, count: int) -> Iterator[str]:
        """Keys of the `count` objects under a prefix that were written last, newest first."""
        with self._asking(bucket, prefix):
            found = list(self._client.list_objects(bucket, prefix=prefix, recursive=True))
        dated = [(item.last_modified, item.object_name) for item in found if item.last_modified and item.object_name]
        yield from (key for _, key in sorted(dated, reverse=True)[:count])

    def list_facts(self, bucket: str, prefix: str = "") -> Iterator[tuple[str, int, str]]:
        """Key, size in bytes and ETag of the objects under a prefix, in order."""
        with self._asking(bucket, prefix):
            for item in self._client.list_objects(bucket, prefix=prefix, recursive=True):
                if item.object_name is not None:
                    yield item.object_name, item.size or 0, item.etag or ""

    def list_times(self, bucket: str, prefix: str = "") -> Iterator[tuple[str, int, datetime]]:
        """Key, size in bytes, and when it was last written, of the objects under a prefix, in order."""
        with self._asking(bucket, prefix):
            for item in self._client.list_objects(bucket, prefix=prefix, recursive=True):
                if item.object_name is not None and item.last_modified is not None:
                    yield item.object_name, item.size or 0, item.last_modified

    def versions(self, bucket: str, prefix: str = "") -> Iterator[ObjectVersion]:
        """All versions of the objects under a prefix: keys in order, of each key the oldest first."""

        def ask(query: dict[str, str]) -> bytes:
            answer = self._http.request("GET", self._signed("GET", f"/{bucket}?{urlencode(query, quote_via=quote)}"))
            if answer.status == 200:
                found: bytes = answer.data
                return found
            told = answer.data.startswith(b"<") and "xml" in answer.headers.get("content-type", "")
            raise S3Error.fromxml(answer) if told else ServerError(f"status {answer.status}", answer.status)

        with self._asking(bucket, prefix):
            try:
                yield from list_versions(ask, prefix)
            except ValueError as error:
                where = f"{self.endpoint} {bucket}/{prefix}"
                raise Unreachable(
                    f"the store's list of versions cannot be read: {error}", where, code="store_answer"
                ) from None

    def _signed(self, method: str, path: str) -> str:
        """An address for a request that the SDK cannot make, good for ten minutes."""
        url = urlsplit(self.endpoint + path)
        if self._credentials is not None:
            now = datetime.now(UTC)
            url = presign_v4(
                method=method, url=url, region=self._region, credentials=self._credentials, date=now, expires=600
            )
        return url.geturl()

    def keeps_versions(self, bucket: str) -> bool:
        """Whether what is written over or removed stays readable."""
        with self._asking(bucket):
            status: str = self._client.get_bucket_versioning(bucket).status
            return status == "Enabled"

    def locks(self, bucket: str) -> bool:
        """Whether each new version in the bucket is locked for a time, so that no key can remove it."""
        with self._asking(bucket):
            try:
                return self._client.get_object_lock_config(bucket).mode is not None
            except ValueError:  # so the SDK reads a lock that is not put on objects by itself
                return False
            except S3Error as error:
                if error.code in NO_LOCK:
                    return False
                raise

    def remove(self, bucket: str, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        with self._asking(bucket, key):
            self._client.remove_object(bucket, key)

    def put_if_absent(self, bucket: str, key: str, data: bytes, by_content: bool = False) -> bool:
        """Store bytes only if nothing stands under the key; of many at once exactly one succeeds and gets True.

        `by_content`: the key is named by the bytes, so the write may be tried again after a fault on the way.
        The SDK's `put_object` cannot send `If-None-Match`, so the request goes through a presigned address.
        """
        with self._asking(bucket, key):
            url = self._client.presigned_put_object(bucket, key, expires=timedelta(minutes=10))
            again = None if by_content else False  # None: as the connection usually does
            response = self._http.request("PUT", url, body=data, headers={"If-None-Match": "*"}, retries=again)
        if response.status in (409, 412):
            return False
        if response.status != 200:
            raise Unreachable(
                f"the store answered {response.status} to a conditional write", f"{bucket}/{key}", code="store_answer"
            )
        self._count(bucket, len(data))
        return True

    def presign(self, bucket: str, key: str, days: int = 7) -> str:
        """An address that opens the object in a browser for some days (7 at most)."""
        if self._credentials is None:
            return f"{self.endpoint}/{bucket}/{quote(key)}"
        with self._asking(bucket, key):
            url: str = self._client.presigned_get_object(bucket, key, expires=timedelta(days=days))
            return url
