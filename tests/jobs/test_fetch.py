"""Fetching a release from a folder, the web and a bucket, on a real store."""

import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tenacity import wait_none

from oi_tasks.drawn.release import draw_release
from oi_tasks.errors import BadInput, OiError
from oi_tasks.io import download
from oi_tasks.io.outputs import Output, Outputs
from oi_tasks.io.store import RAW, WORK, Store, photo_key
from oi_tasks.jobs import job_class
from oi_tasks.jobs.base import execute
from oi_tasks.jobs.fetch import Fetch
from oi_tasks.jobs.photos import Photos
from oi_tasks.jobs.tables import Tables
from oi_tasks.profile import Profile, ReleaseSpec
from oi_tasks.settings import Settings
from tests.io.misbehaving import Site, site

PHOTOS = 20
BOXES = "train-annotations-bbox.csv"


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download.Web.__init__, "__defaults__", (32, 20.0, wait_none()))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release") / "open-images-t"
    draw_release(folder, photos=PHOTOS, seed=11, defects=False)
    return folder


@pytest.fixture
def server(release: Path) -> Iterator[Site]:
    with site() as told:
        for path in sorted(release.rglob("*")):
            if path.is_file():
                told.files["/" + path.relative_to(release).as_posix()] = path.read_bytes()
        yield told


def spec(address: str, release: Path, **known: Any) -> ReleaseSpec:
    """The release as published at an address; `known` are facts of the box file."""
    names = sorted(path.name for path in release.iterdir() if path.is_file())
    files = [{"address": f"{address}/{name}", **(known if name == BOXES else {})} for name in names]
    return ReleaseSpec.model_validate({"kind": "published", "files": files, "photos": {"address": address}})


def output(job: str, said: dict[str, Any], settings: Settings) -> Output:
    return Outputs(Store(settings), settings.cache).get(job, said["id"])


def files_of(said: dict[str, Any], settings: Settings) -> dict[str, str]:
    return {file["name"]: file["sha256"] for file in output("fetch", said, settings).read_json("release.json")["files"]}


def contents(release: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in release.iterdir() if path.is_file()}


def test_from_a_web_address_to_photos(server: Site, release: Path, minio_settings: Settings) -> None:
    data = server.files[f"/{BOXES}"]
    server.cuts, server.busy = [len(data) // 2, 10], 2
    said = execute(Fetch(release=spec(server.address, release)), minio_settings)
    assert said["result"] == {"sources": 1, "files": 5, "photos": PHOTOS}
    assert files_of(said, minio_settings) == contents(release)
    tables = execute(Tables(release=said["id"]), minio_settings)
    gone = sorted(name for name in server.files if name.endswith(".jpg"))[0]
    del server.files[gone]
    photos = execute(Photos(release=said["id"], tables=tables["id"]), minio_settings)
    assert photos["result"] == {"good": PHOTOS - 1, "bad": {"missing": 1}}


def test_what_has_not_changed_is_not_fetched_again(server: Site, release: Path, minio_settings: Settings) -> None:
    server.etags = {path: f'"{number}"' for number, path in enumerate(server.files)}
    first = execute(Fetch(release=spec(server.address, release)), minio_settings)
    assert {len(server.gets(f"/{name}")) for name in contents(release)} == {1}
    assert execute(Fetch(release=spec(server.address, release)), minio_settings)["reused"]
    again = execute(Fetch(release=spec(server.address, release)), minio_settings, force=True)
    assert (again["reused"], again["id"]) == (False, first["id"])
    assert {len(server.gets(f"/{name}")) for name in contents(release)} == {1}
    server.files[f"/{BOXES}"] += b"\n"
    server.etags[f"/{BOXES}"] = '"new"'
    changed = execute(Fetch(release=spec(server.address, release)), minio_settings)
    assert changed["id"] != first["id"]
    assert [name for name in contents(release) if len(server.gets(f"/{name}")) > 1] == [BOXES]


def test_a_wrong_file_is_refused_and_the_good_one_stays(server: Site, release: Path, minio_settings: Settings) -> None:
    store, good = Store(minio_settings), server.files[f"/{BOXES}"]
    known = {"size": len(good), "md5": hashlib.md5(good).hexdigest()}
    execute(Fetch(release=spec(server.address, release, **known)), minio_settings)
    server.files[f"/{BOXES}"], server.etags[f"/{BOXES}"] = good[::-1], '"bad"'
    with pytest.raises(OiError, match=f"the md5 of the file is .*{known['md5']} is published"):
        execute(Fetch(release=spec(server.address, release, **known)), minio_settings)
    assert store.get_bytes(RAW, photo_key(hashlib.sha256(good).hexdigest())) == good
    assert not store.exists(RAW, photo_key(hashlib.sha256(good[::-1]).hexdigest()))
    known["size"] += 1
    with pytest.raises(OiError, match=f"{len(good)} bytes where {known['size']} are published"):
        execute(Fetch(release=spec(server.address, release, **known)), minio_settings)


def test_an_address_without_a_file(server: Site, release: Path, minio_settings: Settings) -> None:
    del server.files[f"/{BOXES}"]
    with pytest.raises(BadInput, match=f"there is no such file .*{BOXES}"):
        execute(Fetch(release=spec(server.address, release)), minio_settings)
    with pytest.raises(BadInput, match="a web address cannot be listed"):
        execute(Fetch(release=ReleaseSpec(folders=(server.address,))), minio_settings)
    with pytest.raises(BadInput, match="no kind of source called ftp://"):
        execute(Fetch(release=ReleaseSpec(folders=("ftp://x/y",))), minio_settings)


def test_from_a_bucket_of_another_server(release: Path, minio_settings: Settings) -> None:
    """The source has keys and an endpoint of its own; here it is the same MinIO, with the store's keys."""
    store = Store(minio_settings)
    for path in release.rglob("*"):
        if path.is_file():
            store.put_file(WORK, f"public/open-images-t/{path.relative_to(release).as_posix()}", path)
    settings = minio_settings.model_copy(
        update={
            "source_endpoint": minio_settings.store_endpoint,
            "source_access_key": minio_settings.store_access_key,
            "source_secret_key": minio_settings.store_secret_key,
        }
    )
    said = execute(Fetch(release=ReleaseSpec(folders=(f"s3://{WORK}/public/open-images-t",))), settings)
    assert said["result"] == {"sources": 1, "files": 5, "photos": PHOTOS}
    assert files_of(said, settings) == contents(release)
    published = execute(Fetch(release=spec(f"s3://{WORK}/public/open-images-t", release)), settings)
    assert files_of(published, settings) == contents(release)
    tables = execute(Tables(release=published["id"]), settings)
    photos = execute(Photos(release=published["id"], tables=tables["id"]), settings)
    assert photos["result"] == {"good": PHOTOS, "bad": {}}


def test_two_runs_at_once_fetch_each_file_once(server: Site, release: Path, minio_settings: Settings) -> None:
    job, said = Fetch(release=spec(server.address, release)), []
    import signal

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal, "signal", lambda *_: None)  # threads may not listen for signals
        runs = [threading.Thread(target=lambda: said.append(execute(job, minio_settings))) for _ in range(2)]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
    assert len(said) == 2
    assert said[0]["id"] == said[1]["id"]
    assert {len(server.gets(f"/{name}")) for name in contents(release)} == {1}


def test_the_choice_of_photos_does_not_make_the_files_be_fetched_again() -> None:
    def job(**photos: Any) -> Fetch:
        release = {"kind": "published", "files": [{"address": "http://x/y"}], "photos": {"address": "s3://a", **photos}}
        return Fetch.from_profile(Profile.model_validate({"name": "t", "release": release}))

    assert job(per_label=3, originals=False) == job()


def test_a_choice_takes_the_first_of_each_label_and_more_takes_them_too(
    release: Path, minio_settings: Settings
) -> None:
    said = execute(Fetch(release=ReleaseSpec(folders=(str(release),))), minio_settings)
    tables = execute(Tables(release=said["id"]), minio_settings)
    shown: dict[str, set[str]] = {}
    for name, least in ((BOXES, -1), ("train-annotations-human-imagelabels-boxable.csv", 1)):
        rows = pl.read_csv(release / name).filter(pl.col("Confidence") >= least)
        for image_id, label in rows.select("ImageID", "LabelName").iter_rows():
            shown.setdefault(label, set()).add(image_id)

    def taken(**choice: Any) -> set[str]:
        photos = execute(Photos(release=said["id"], tables=tables["id"], **choice), minio_settings)
        return set(pl.read_parquet(output("photos", photos, minio_settings).local("photos.parquet"))["ImageID"])

    for count in (1, 3):
        assert taken(per_label=count) == {one for ids in shown.values() for one in sorted(ids)[:count]}
    label = max(shown, key=lambda one: len(shown[one]))
    assert taken(labels=(label,)) == shown[label]
    assert taken(labels=(label,), per_label=2) == set(sorted(shown[label])[:2])


@pytest.mark.slow
def test_annotation_of_photos_that_were_not_taken_is_not_set_apart(release: Path, minio_settings: Settings) -> None:
    ran: dict[str, str] = {}
    chosen = {"folders": [str(release)], "photos": {"per_label": 1}}
    profile = Profile.model_validate({"name": "t", "release": chosen})
    for part, job in (("release", "fetch"), ("tables", "tables"), ("photos", "photos"), ("snapshot", "snapshot")):
        ran[part] = execute(job_class(job).from_profile(profile, **ran), minio_settings)["id"]
    validated = execute(job_class("validate").from_profile(profile, snapshot=ran["snapshot"]), minio_settings)
    rows = validated["result"]["rows"]["boxes"]
    taken = pl.read_parquet(output("photos", {"id": ran["photos"]}, minio_settings).local("photos.parquet"))["ImageID"]
    assert 0 < taken.len() < PHOTOS
    assert rows["in"] == rows["out"] == pl.read_csv(release / BOXES)["ImageID"].is_in(taken.implode()).sum()
    assert validated["result"]["quarantined_share"] == 0


def test_photos_that_are_no_originals_are_not_held_to_the_list(
    release: Path, tmp_path: Path, minio_settings: Settings
) -> None:
    folder = shutil.copytree(release, tmp_path / "resized")
    rows = (folder / "train-images-boxable.csv").read_text().splitlines()
    rows[1:] = [",".join([*row.split(",")[:2], "5", "AAAA"]) for row in rows[1:]]
    (folder / "train-images-boxable.csv").write_text("\n".join(rows) + "\n")
    os.utime(folder / "train-images-boxable.csv")
    said = execute(Fetch(release=ReleaseSpec(folders=(str(folder),))), minio_settings)
    tables = execute(Tables(release=said["id"]), minio_settings)
    ids = {"release": said["id"], "tables": tables["id"]}
    assert execute(Photos(**ids), minio_settings)["result"]["bad"] == {"wrong_size": PHOTOS}
    assert execute(Photos(**ids, originals=False), minio_settings)["result"] == {"good": PHOTOS, "bad": {}}


def test_a_list_that_names_other_places(server: Site, release: Path, minio_settings: Settings) -> None:
    """An ImageID that is none becomes a row with its reason, and nothing is asked for at that place."""
    path = "/train-images-boxable.csv"
    server.files[path] += b"../../etc/passwd,train,5,AAAA\n"
    said = execute(Fetch(release=spec(server.address, release)), minio_settings)
    tables = execute(Tables(release=said["id"]), minio_settings)
    photos = execute(Photos(release=said["id"], tables=tables["id"]), minio_settings)
    assert photos["result"] == {"good": PHOTOS, "bad": {"bad_name": 1}}
    assert not any("passwd" in asked for _, asked, _ in server.asked)
