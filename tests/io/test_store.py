"""The store, on a real MinIO and on a second S3 server."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3
from minio import Minio
from pydantic import SecretStr

from oi_tasks.errors import BadInput, Unreachable
from oi_tasks.io.store import LEDGER, WORK, NotFound, Store
from oi_tasks.local import keys
from oi_tasks.settings import Settings

STORES = ("minio", "versitygw")


def root_of(settings: Settings) -> Minio:
    """A client with the root's key, from the file in which the servers of these tests keep it."""
    lines = keys.read(settings.cache.parent / "env")
    access, secret = lines["OI_MINIO_ROOT_USER"], lines["OI_MINIO_ROOT_PASSWORD"]
    return Minio(settings.store_endpoint.removeprefix("http://"), access_key=access, secret_key=secret, secure=False)


def test_what_is_put_is_got(store: Store, tmp_path: Path) -> None:
    store.put_bytes(WORK, "t/a", b"one")
    store.put_json(WORK, "t/b.json", {"n": 1})
    (tmp_path / "c").write_bytes(b"three" * 1000)
    store.put_file(WORK, "t/c", tmp_path / "c")
    store.get_file(WORK, "t/c", tmp_path / "below" / "d")
    assert store.get_bytes(WORK, "t/a") == b"one"
    assert store.get_json(WORK, "t/b.json") == {"n": 1}
    assert (tmp_path / "below" / "d").read_bytes() == b"three" * 1000
    assert list(store.list(WORK, "t/")) == ["t/a", "t/b.json", "t/c"]
    assert [(key, size) for key, size, _ in store.list_facts(WORK, "t/")] == [
        ("t/a", 3),
        ("t/b.json", 11),
        ("t/c", 5000),
    ]
    store.remove(WORK, "t/a")
    assert not store.exists(WORK, "t/a")
    with pytest.raises(NotFound):
        store.get_bytes(WORK, "t/a")


def test_of_many_conditional_writes_one_succeeds(store: Store) -> None:
    with ThreadPoolExecutor(16) as pool:
        wrote = list(pool.map(lambda n: store.put_if_absent(LEDGER, "once", str(n).encode()), range(16)))
    assert sum(wrote) == 1
    assert store.get_bytes(LEDGER, "once") == str(wrote.index(True)).encode()


def test_versions_come_oldest_first_however_quickly_they_were_written_and_over_several_pages(
    store: Store, store_settings: Settings
) -> None:
    with ThreadPoolExecutor(16) as pool:  # a page holds a thousand
        list(pool.map(lambda n: store.put_bytes(LEDGER, f"v/{n:04}", b"first"), range(1005)))
    store.put_bytes(LEDGER, "v/0002", b"second")
    store.put_bytes(LEDGER, "v/0002", b"third")
    root_of(store_settings).remove_object(LEDGER, "v/0002")
    store.put_bytes(LEDGER, "v/a b&c", b"first")
    versions = list(store.versions(LEDGER, "v/"))
    assert [one.key for one in versions if one.key != "v/0002"] == sorted(
        [f"v/{n:04}" for n in range(1005) if n != 2] + ["v/a b&c"]
    )
    own = [one for one in versions if one.key == "v/0002"]
    assert [one.deleted for one in own] == [False, False, False, True]
    assert [store.get_bytes(LEDGER, one.key, one.id) for one in own[:3]] == [b"first", b"second", b"third"]
    assert store.keeps_versions(LEDGER) and store.locks(LEDGER)
    assert list(store.versions(LEDGER, "none/")) == []


def test_versions_of_a_bucket_that_is_not_there_or_with_a_wrong_key_are_one_line(
    store: Store, store_settings: Settings
) -> None:
    with pytest.raises(Unreachable, match="the store refuses the key|has no bucket no-such-bucket"):
        list(store.versions("no-such-bucket"))
    wrong = store_settings.model_copy(update={"store_secret_key": SecretStr("not the secret")})
    with pytest.raises(Unreachable, match="the store refuses the key: SignatureDoesNotMatch"):
        list(Store(wrong).versions(LEDGER))


def test_a_presigned_address_opens_without_a_key(store: Store) -> None:
    store.put_bytes(WORK, "page.html", b"<p>hello</p>", "text/html")
    answer = urllib3.request("GET", store.presign(WORK, "page.html"))
    assert (answer.status, answer.data) == (200, b"<p>hello</p>")
    assert urllib3.request("GET", f"{store.endpoint}/{WORK}/page.html").status == 403


def test_a_wrong_key_is_one_line(store_settings: Settings) -> None:
    wrong = store_settings.model_copy(update={"store_secret_key": SecretStr("not the secret")})
    with pytest.raises(Unreachable, match="refuses the key: SignatureDoesNotMatch .*check OI_STORE_ACCESS_KEY"):
        Store(wrong).check()


def test_a_dead_store_is_one_line(store_settings: Settings) -> None:
    dead = store_settings.model_copy(update={"store_endpoint": "http://127.0.0.1:9"})
    with pytest.raises(Unreachable, match="does not answer") as raised:
        Store(dead).get_bytes(WORK, "x")
    assert "127.0.0.1:9" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_address_that_is_none(store_settings: Settings) -> None:
    with pytest.raises(BadInput, match="OI_STORE_ENDPOINT"):
        Store(store_settings.model_copy(update={"store_endpoint": "minio:9000"}))
