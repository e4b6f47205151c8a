"""Photos of every kind that may come, in one release: each is recorded by its reason, and none ends the run."""

import base64
import hashlib
import io
from typing import Any

import polars as pl
import pytest
from PIL import Image

from oi_tasks.drawn.release import draw_release
from oi_tasks.errors import Refused
from oi_tasks.io import photo_intake
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import RAW, Store, photo_key
from oi_tasks.jobs import job_class
from oi_tasks.jobs.base import execute
from oi_tasks.profile import Profile
from oi_tasks.settings import Settings
from tests.io.test_photo_check import animation, huge_png, picture

GOOD = 20
KINDS: dict[str, tuple[bytes, str | None]] = {
    "f00000000000000a.jpg": (picture("CMYK"), None),
    "f00000000000000b.jpg": (picture("L"), None),
    "f00000000000000c.jpg": (picture("I;16", kind="PNG"), None),
    "f000000000000001.jpg": (picture()[:-200], "truncated"),
    "f000000000000002.jpg": (animation("GIF"), "animated"),
    "f000000000000003.jpg": (b"<html>not here</html>", "not_an_image"),
    "f000000000000004.jpg": (b"", "empty"),
    "f000000000000005.jpg": (huge_png(), "too_large"),
    "f000000000000006.jpg": (picture() + bytes(3 << 20), "too_many_bytes"),
    "passwd.jpg": (picture(), "bad_name"),
    "f000000000000008.png": (picture(kind="PNG"), "bad_name"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, minio_settings: Settings) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("photos") / "kinds"
    draw_release(folder, photos=GOOD, seed=12, defects=False)
    other = min((folder / "train").glob("*.jpg"))
    for name, (data, _) in KINDS.items():
        (folder / "train" / name).write_bytes(data)
    other.write_bytes(of_the_same_size(other.read_bytes()))
    profile = Profile.model_validate({"name": "t", "release": {"folders": [str(folder)]}})
    ran: dict[str, dict[str, Any]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(photo_intake, "LARGEST_FILE", 2 << 20)
        for part, job in (("release", "fetch"), ("tables", "tables"), ("photos", "photos"), ("snapshot", "snapshot")):
            ids = {name: one["id"] for name, one in ran.items()}
            ran[part] = execute(job_class(job).from_profile(profile, **ids), minio_settings)
    return ran


def of_the_same_size(data: bytes) -> bytes:
    """Another photo with as many bytes: it decodes, and is not the one that is listed."""
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(buffer, "JPEG")
    return buffer.getvalue() + bytes(len(data) - len(buffer.getvalue()))


def test_each_by_its_reason(said: dict[str, dict[str, Any]], minio_settings: Settings, store: Store) -> None:
    output = Outputs(store, minio_settings.cache).get("photos", said["photos"]["id"])
    rows = {row["ImageID"]: row for row in pl.read_parquet(output.local("photos.parquet")).iter_rows(named=True)}
    for name, (data, reason) in KINDS.items():
        row = rows[name.removesuffix(".jpg")]
        assert row["reason"] == reason, name
        assert row["size"] == len(data)
        stored = photo_key(hashlib.sha256(data).hexdigest())
        assert store.exists(RAW, stored) == (reason is None)
    assert [rows[f"f00000000000000{place}"]["mode"] for place in "abc"] == ["CMYK", "L", "I;16"]
    bad = [reason for _, reason in KINDS.values() if reason]
    expected = {reason: bad.count(reason) for reason in bad} | {"wrong_md5": 1}
    assert said["photos"]["result"] == {"good": GOOD - 1 + 3, "bad": expected}


@pytest.mark.slow
def test_the_data_gate_judges_their_share(said: dict[str, dict[str, Any]], minio_settings: Settings) -> None:
    validated = execute(job_class("validate")(snapshot=said["snapshot"]["id"]), minio_settings)
    gate = job_class("data_gate")
    with pytest.raises(Refused, match="photos"):
        execute(gate(validated=validated["id"], max_quarantined=0.1), minio_settings)


def test_the_md5_of_a_release_is_base64(
    said: dict[str, dict[str, Any]], minio_settings: Settings, store: Store
) -> None:
    listed = Outputs(store, minio_settings.cache).get("tables", said["tables"]["id"]).local("photo_list.parquet")
    photos = Outputs(store, minio_settings.cache).get("photos", said["photos"]["id"]).local("photos.parquet")
    both = pl.read_parquet(photos).filter(pl.col("reason").is_null()).join(pl.read_parquet(listed), on="ImageID")
    assert both.height == GOOD - 1
    for sha256, md5 in both.select("sha256", "md5").iter_rows():
        assert base64.b64encode(hashlib.md5(store.get_bytes(RAW, photo_key(sha256))).digest()).decode() == md5
