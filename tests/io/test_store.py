"""The store, on a real MinIO."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3
from pydantic import SecretStr

from oi_tasks.errors import BadInput, Unreachable
from oi_tasks.io.store import LEDGER, WORK, NotFound, Store
from oi_tasks.settings import Settings


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


def test_a_presigned_address_opens_without_a_key(store: Store) -> None:
    store.put_bytes(WORK, "page.html", b"<p>hello</p>", "text/html")
    answer = urllib3.request("GET", store.presign(WORK, "page.html"))
    assert (answer.status, answer.data) == (200, b"<p>hello</p>")
    assert urllib3.request("GET", f"{store.endpoint}/{WORK}/page.html").status == 403


def test_a_wrong_key_is_one_line(minio_settings: Settings) -> None:
    wrong = minio_settings.model_copy(update={"store_secret_key": SecretStr("not the secret")})
    with pytest.raises(Unreachable, match="refuses the key: SignatureDoesNotMatch .*check OI_STORE_ACCESS_KEY"):
        Store(wrong).check()


def test_a_dead_store_is_one_line(minio_settings: Settings) -> None:
    dead = minio_settings.model_copy(update={"store_endpoint": "http://127.0.0.1:9"})
    with pytest.raises(Unreachable, match="does not answer") as raised:
        Store(dead).get_bytes(WORK, "x")
    assert "127.0.0.1:9" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_address_that_is_none(minio_settings: Settings) -> None:
    with pytest.raises(BadInput, match="OI_STORE_ENDPOINT"):
        Store(minio_settings.model_copy(update={"store_endpoint": "minio:9000"}))
