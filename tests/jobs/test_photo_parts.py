"""Photos brought in by several tasks: the same output as by one, and a part that is done is not done again."""

from pathlib import Path
from typing import Any

import pytest

from oi_tasks.core.partitions import DIGITS, digits_of_parts
from oi_tasks.drawn.release import draw_release
from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.snapshots import Snapshot as Found
from oi_tasks.io.store import Store
from oi_tasks.jobs.base import execute
from oi_tasks.jobs.fetch import Fetch
from oi_tasks.jobs.photo_part import PhotoPart
from oi_tasks.jobs.photos import Photos
from oi_tasks.jobs.snapshot import Snapshot
from oi_tasks.jobs.tables import Tables
from oi_tasks.profile import ReleaseSpec
from oi_tasks.settings import Settings


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two releases with the same photos, some of them damaged or missing, and files whose names are no ImageID."""
    place = tmp_path_factory.mktemp("release")
    for name in ("first", "second"):
        draw_release(place / name, photos=70, seed=31)
        for other in ("notes.jpg", "F00000000000000a.jpg"):
            (place / name / "train" / other).write_bytes(b"x")
    for path in sorted((place / "second" / "train").iterdir())[::3]:
        path.write_bytes(b"not the photo of the first")
    return [place / "first", place / "second"]


@pytest.fixture(scope="module")
def ids(folders: list[Path], minio_settings: Settings) -> dict[str, str]:
    release = execute(Fetch(release=ReleaseSpec(folders=tuple(map(str, folders)))), minio_settings)["id"]
    return {"release": release, "tables": execute(Tables(release=release), minio_settings)["id"]}


def brought(ids: dict[str, str], settings: Settings, parts: list[str], **choice: Any) -> list[dict[str, Any]]:
    return [execute(PhotoPart(**ids, **choice, digits=digits), settings) for digits in parts]


@pytest.mark.parametrize("count", range(1, 17))
def test_every_digit_is_in_one_part_and_parts_are_even(count: int) -> None:
    parts = digits_of_parts(count)
    assert len(parts) == count
    assert "".join(parts) == DIGITS
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("choice", [{}, {"per_label": 2}, {"originals": False}], ids=["all", "some", "resized"])
def test_parts_make_the_same_output_and_snapshot_as_the_whole(
    ids: dict[str, str], minio_settings: Settings, choice: dict[str, Any]
) -> None:
    whole = execute(Photos(**ids, **choice), minio_settings)
    assert whole["result"]["good"] > 10
    assert set(whole["result"]["bad"]) >= ({"bad_name", "not_an_image", "missing"} if not choice else set())
    snapshot = execute(Snapshot(**ids, photos=whole["id"]), minio_settings)
    for count in (2, 16):
        parts = brought(ids, minio_settings, digits_of_parts(count), **choice)
        assert sum(part["result"]["good"] for part in parts) == whole["result"]["good"]
        assert max(part["result"]["good"] for part in parts) < whole["result"]["good"]
        merged = execute(Photos(**ids, **choice, parts=[part["id"] for part in parts]), minio_settings)
        assert (merged["reused"], merged["id"], merged["result"]) == (False, whole["id"], whole["result"])
        assert execute(Snapshot(**ids, photos=merged["id"]), minio_settings, force=True)["id"] == snapshot["id"]


def test_a_snapshot_of_parts_is_that_of_the_whole_whichever_was_first(
    ids: dict[str, str], minio_settings: Settings
) -> None:
    """The manifest that stands is the first one's: with the parts' ids among its fields."""
    choice = {"per_label": 3}
    parts = brought(ids, minio_settings, digits_of_parts(4), **choice)
    merged = execute(Photos(**ids, **choice, parts=[part["id"] for part in parts]), minio_settings)
    snapshot = execute(Snapshot(**ids, photos=merged["id"]), minio_settings)["id"]
    outputs = Outputs(Store(minio_settings), minio_settings.cache)
    told = Found(outputs.get("snapshot", snapshot), outputs).named["profile"]
    assert (told["per_label"], "parts" in told) == (3, False)


def test_a_part_that_is_done_is_not_done_again(ids: dict[str, str], minio_settings: Settings) -> None:
    choice = {"labels": ("/m/0k4j",)}
    first = brought(ids, minio_settings, digits_of_parts(2)[:1], **choice)
    assert not first[0]["reused"]
    assert [part["reused"] for part in brought(ids, minio_settings, digits_of_parts(2), **choice)] == [True, False]


def test_parts_that_are_not_the_whole_are_refused(ids: dict[str, str], minio_settings: Settings) -> None:
    low, high = (part["id"] for part in brought(ids, minio_settings, digits_of_parts(2)))
    for parts, digit in (([low], "8"), ([low, high, high], "f"), ([low, low], "0")):
        with pytest.raises(BadInput, match=f"do not hold each photo once: .*{digit}"):
            execute(Photos(**ids, parts=parts), minio_settings)
    (other,) = brought(ids, minio_settings, [digits_of_parts(2)[1]], per_label=1)
    with pytest.raises(BadInput, match=f"the part {other['id']} is of another release, or of another choice"):
        execute(Photos(**ids, parts=[low, other["id"]]), minio_settings)
