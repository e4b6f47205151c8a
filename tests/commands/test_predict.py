"""`oi predict` with the promoted cascade of the chain: files, folders and the store; broken photos; pictures."""

import csv
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from oi_tasks.cli import app
from oi_tasks.commands import predict as command
from oi_tasks.errors import BadInput
from oi_tasks.io.shards import ShardReader
from oi_tasks.io.store import WORK, Store
from oi_tasks.io.tracking import Tracking
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.models.cascade import Cascade
from oi_tasks.models.drawing import draw
from tests.conftest import Chain

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The champion's folder."""
    version = Tracking(chain.settings).alias(CASCADE, "champion")
    assert version is not None
    return Tracking(chain.settings).download(CASCADE, version, tmp_path_factory.mktemp("champion"))


@pytest.fixture(scope="module")
def photos(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of test photos, in two folders."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "more").mkdir()
    reader = ShardReader(chain.output("shards"), "test")
    for row in range(14):
        place = folder / "more" if row % 2 else folder
        (place / f"{reader.ids([row])[0]}.jpg").write_bytes(reader.jpeg(row))
    return folder


def run(chain: Chain, *words: Any) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "settings", lambda: chain.settings)
        return CliRunner().invoke(app, ["predict", *map(str, words)], standalone_mode=False)


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exception is None, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def expected(model: Path, files: list[Path]) -> list[tuple[str, str, float, tuple[float, ...]]]:
    cascade = Cascade.load(model)
    return [
        (file.stem, box.label, pytest.approx(box.score, abs=1e-4), pytest.approx(box.box, abs=1e-6))
        for file in files
        for box in cascade.predict([file.read_bytes()])[0].boxes
    ]


def as_given(rows: list[dict[str, Any]]) -> list[tuple[str, str, float, tuple[float, ...]]]:
    return [
        (row["ImageID"], row["LabelName"], row["Score"], tuple(row[name] for name in ("XMin", "YMin", "XMax", "YMax")))
        for row in rows
    ]


def test_the_champion_on_a_folder_says_what_the_cascade_says(chain: Chain, model: Path, photos: Path) -> None:
    result = run(chain, photos, "--json")
    found = lines(result)
    assert len(found) > 3
    assert sorted(as_given(found), key=lambda row: row[:2]) == sorted(
        expected(model, sorted(photos.rglob("*.jpg"))), key=lambda row: row[:2]
    )
    assert list(found[0])[:7] == ["ImageID", "LabelName", "Score", "XMin", "XMax", "YMin", "YMax"]
    names = dict(zip(Cascade.load(model).classes, Cascade.load(model).meta.names, strict=True))
    assert all(row["Name"] == names[row["LabelName"]] for row in found)
    assert f"oi: {len(found)} boxes on {len({row['ImageID'] for row in found})} of 14 photos" in result.stderr


def test_files_and_the_store_and_a_model_in_a_folder(chain: Chain, model: Path, photos: Path) -> None:
    files = sorted(photos.rglob("*.jpg"))
    store = Store(chain.settings)
    for file in files[1:4]:
        store.put_bytes(WORK, f"asked/{file.name}", file.read_bytes())
    store.put_bytes(WORK, "asked/notes.txt", b"no photo")
    address = f"s3://{WORK}/asked/{files[1].name}"
    assert as_given(lines(run(chain, files[0], address, "--json", "--model", model))) == expected(model, files[:2])
    whole = run(chain, f"s3://{WORK}/asked/", "--json", "--model", model.parent)
    assert {row["ImageID"] for row in lines(whole)} <= {file.stem for file in files[1:4]}
    assert "of 3 photos" in whole.stderr


def test_broken_photos_are_told_and_the_others_go_on(chain: Chain, model: Path, photos: Path, tmp_path: Path) -> None:
    good = sorted(photos.rglob("*.jpg"))[:3]
    for file in good:
        shutil.copy(file, tmp_path)
    (tmp_path / "a-empty.jpg").write_bytes(b"")
    (tmp_path / "b-text.jpg").write_bytes(b"no photo at all")
    (tmp_path / "c-half.jpg").write_bytes(good[0].read_bytes()[: -good[0].stat().st_size // 2])
    (tmp_path / "d-gone.jpg").symlink_to(tmp_path / "nowhere")
    result = run(chain, tmp_path, "--json", "--model", model)
    assert as_given(lines(result)) == expected(model, sorted(good, key=lambda file: file.name))
    for name, reason in (("a-empty", "empty"), ("b-text", "not an image"), ("c-half", "truncated")):
        assert f"oi: {tmp_path}/{name}.jpg is left out: {reason}" in result.stderr
    assert "of 3 photos" in result.stderr
    assert "3 left out" in result.stderr

    none = run(chain, tmp_path / "a-empty.jpg", tmp_path / "b-text.jpg", "--model", model)
    assert isinstance(none.exception, BadInput)
    assert str(none.exception).startswith("none of the 2 photos can be read")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["/no/such.jpg"], "there is no photo or folder /no/such.jpg"),
        (["s3://oi-work/no/such.jpg"], "the store has no object s3://oi-work/no/such.jpg"),
        (["s3://oi-work/nothing-here/"], "there is no photo in s3://oi-work/nothing-here/"),
        (["s3://"], "names no bucket"),
        ([__file__, "--model", "models:/oi-cascade@nobody"], "the registry has no oi-cascade@nobody"),
        ([__file__, "--model", "models:/oi-cascade/9999"], "the registry has no version 9999"),
        ([__file__, "--model", "models:/oi-cascade"], "is no address of a model"),
        (
            [__file__, "--model", "models:/oi-classifier@champion"],
            "the model finds no boxes: it has no cluster that does",
        ),
        ([__file__, "--model", "/no/such/folder"], "there is no model /no/such/folder"),
    ],
)
def test_what_cannot_be_is_one_line(chain: Chain, words: list[str], what: str) -> None:
    result = run(chain, *words)
    assert isinstance(result.exception, BadInput), result.exception
    assert what in str(result.exception)
    assert "\n" not in str(result.exception)


def test_a_csv_is_what_the_detection_metric_takes(chain: Chain, model: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "boxes.csv"
    table = run(chain, photos, "--out", out, "--model", model)
    assert table.exception is None
    rows = list(csv.DictReader(out.open()))
    assert list(rows[0]) == ["ImageID", "LabelName", "Score", "XMin", "XMax", "YMin", "YMax"]
    assert len(table.stdout.splitlines()) == len(rows) + 1
    truth = "ImageID,LabelName,XMin,XMax,YMin,YMax\n" + "".join(
        f"{row['ImageID']},{row['LabelName']},{row['XMin']},{row['XMax']},{row['YMin']},{row['YMax']}\n" for row in rows
    )
    (tmp_path / "truth.csv").write_text(truth)
    (tmp_path / "labels.csv").write_text("ImageID,LabelName,Confidence\n")
    tree = {"LabelName": "/m/0", "Subcategory": [{"LabelName": row["LabelName"]} for row in rows]}
    (tmp_path / "tree.json").write_text(json.dumps(tree))
    words = ["--boxes", tmp_path / "truth.csv", "--image-labels", tmp_path / "labels.csv"]
    words += ["--hierarchy", tmp_path / "tree.json", "--predictions", out, "--json"]
    said = CliRunner().invoke(app, ["detection-map", *map(str, words)], standalone_mode=False)
    assert json.loads(said.stdout)["map"] == 1.0


def test_odd_photos_are_predicted_as_what_they_show(chain: Chain, model: Path, photos: Path, tmp_path: Path) -> None:
    good = next(
        file for file in sorted(photos.rglob("*.jpg")) if Cascade.load(model).predict([file.read_bytes()])[0].boxes
    )
    grey = np.asarray(Image.open(good).convert("L"))
    Image.fromarray(grey).save(tmp_path / "eight.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "sixteen.png")
    found = lines(run(chain, tmp_path, "--json", "--model", model))
    eight, sixteen = (
        [{**row, "ImageID": ""} for row in found if row["ImageID"] == name] for name in ("eight", "sixteen")
    )
    assert eight == sixteen


def test_names_of_photos_are_kept_as_they_are(chain: Chain, model: Path, photos: Path, tmp_path: Path) -> None:
    data = next(
        file.read_bytes()
        for file in sorted(photos.rglob("*.jpg"))
        if Cascade.load(model).predict([file.read_bytes()])[0].boxes
    )
    folder = tmp_path / "in"
    folder.mkdir()
    for name in (b"[bold]x.jpg", b":dog:.jpg", b"caf\xe9.jpg", b"x" * 150 + b".jpg"):
        (folder / os.fsdecode(name)).write_bytes(data)
    (folder / "bro\nken.jpg").write_bytes(b"none")
    result = run(chain, folder, "--model", model, "--out", tmp_path / "out.csv")
    assert result.exception is None, result.exception
    for shown in ("[bold]x ", ":dog: ", "caf\\udce9 "):
        assert shown in result.stdout
    assert "…" not in result.stdout
    assert "bro\\nken.jpg is left out" in result.stderr
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        assert {row["ImageID"] for row in csv.DictReader(file)} == {"[bold]x", ":dog:", "caf\\udce9", "x" * 150}

    (folder / "sub").mkdir()
    (folder / "sub" / ":dog:.jpg").write_bytes(data)
    twice = run(chain, folder, "--model", model, "--json")
    assert "1 names, such as :dog:, are of several photos" in twice.stderr


def test_a_file_that_cannot_be_written_is_told_before_the_work(
    chain: Chain, model: Path, photos: Path, tmp_path: Path
) -> None:
    for out, said in ((tmp_path / "none" / "x.csv", "does not exist"), (tmp_path, "a folder stands there")):
        result = run(chain, photos, "--model", model, "--out", out)
        assert isinstance(result.exception, BadInput), result.exception
        assert said in str(result.exception)
        assert not result.stdout
    assert not list(tmp_path.iterdir())


def test_pictures_show_the_boxes_and_the_way(chain: Chain, model: Path, photos: Path, tmp_path: Path) -> None:
    files = sorted(photos.rglob("*.jpg"))
    assert run(chain, photos, files[0], "--draw", tmp_path / "drawn", "--model", model).exception is None
    names = {path.name for path in (tmp_path / "drawn").iterdir()}
    assert names == {f"{file.stem}.jpg" for file in files} | {f"{files[0].stem}-2.jpg"}
    cascade = Cascade.load(model)
    with_boxes = next(file for file in files if cascade.predict([file.read_bytes()])[0].boxes)
    data = with_boxes.read_bytes()
    (found,) = cascade.predict([data])
    picture = np.asarray(draw(data, found, cascade)).astype(int)
    photo = Image.open(io.BytesIO(data)).convert("RGB")
    scale = max(photo.size) and 320 / max(photo.size) if max(photo.size) < 320 else 1
    plain = np.asarray(photo.resize((round(photo.width * scale), round(photo.height * scale)))).astype(int)
    height, width = plain.shape[:2]
    assert picture.shape[1] == width
    assert picture.shape[0] > height + 20  # the caption
    changed = (picture[:height] != plain).any(axis=2)
    left, top, right, _ = found.boxes[0].box
    edge = changed[round(top * height) + 1, round(left * width) : round(right * width)]
    assert edge.mean() > 0.9
    outside = np.ones_like(changed)
    for box in found.boxes:
        columns = slice(int(box.box[0] * width), None)  # a label may reach further to the right than its box
        outside[int(box.box[1] * height) : int(box.box[3] * height) + 25, columns] = False
    for slug, masks in found.masks.items():
        for mask, threshold in zip(masks, cascade.semseg[slug][1].thresholds, strict=True):
            veil = Image.fromarray(mask >= threshold).resize((width, height), Image.Resampling.NEAREST)
            outside &= ~np.asarray(veil)  # a mask may reach beyond the boxes that are made of it
    assert not changed[outside].any()


def test_pictures_do_not_write_over_one_another(chain: Chain, photos: Path, model: Path, tmp_path: Path) -> None:
    data = next(photos.glob("*.jpg")).read_bytes()
    named = [tmp_path / "in" / name for name in ("a.jpg", "b/a.jpg", "c/a-2.jpg", "d/a.jpg")]
    for path in named:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert run(chain, *named, "--draw", tmp_path / "drawn", "--model", model).exception is None
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {"a.jpg", "a-2.jpg", "a-2-2.jpg", "a-3.jpg"}
