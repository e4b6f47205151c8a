"""One's own photos as a release: what is written, that the pipeline's own reader takes it, and what is refused."""

import base64
import csv
import hashlib
import json
import os
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from oi_tasks.cli import app
from oi_tasks.errors import BadInput, OiError
from oi_tasks.io.own_photos import BOXES, IMAGES, LABELS, make_release
from oi_tasks.io.release import sort_out
from oi_tasks.io.sources import FolderSource
from oi_tasks.profile import load_profile
from tests.little_room import files_of_at_most


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes: three photos of one, two of the other, one of which is in both, and a file that is no photo."""
    folder = tmp_path / "photos"
    for name, colours in (("Red thing", ("red", "darkred", "purple")), ("blue", ("blue", "purple"))):
        (folder / name).mkdir(parents=True)
        for colour in colours:
            Image.new("RGB", (60, 40), colour).save(folder / name / f"{colour}.jpg")
    (folder / "blue" / "broken.jpg").write_bytes(b"no photo")
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_release_is_written_that_the_reader_takes(photos: Path, tmp_path: Path) -> None:
    made = make_release(photos, tmp_path / "release", None)
    assert (made.photos, made.classes) == (4, {"Red thing": 3, "blue": 2})
    assert [reason.partition(":")[0] for reason in made.left_out] == ["blue/broken.jpg"]
    annotation, found = sort_out(FolderSource(str(tmp_path / "release")).files(), ["train"])
    assert {file.kind for file in annotation} == {"boxes", "image_labels", "images", "descriptions", "hierarchy"}
    assert len(found) == 4
    assert all(photo.image_id for photo in found)
    both = hashlib.sha256((photos / "blue" / "purple.jpg").read_bytes()).hexdigest()[:16]
    labels = rows(tmp_path / "release" / LABELS)
    assert sorted(row["LabelName"] for row in labels if row["ImageID"] == both) == ["/o/blue", "/o/red_thing"]
    for row in rows(tmp_path / "release" / IMAGES):
        data = (tmp_path / "release" / "train" / f"{row['ImageID']}.jpg").read_bytes()
        assert row["OriginalSize"] == str(len(data))
        assert base64.b64decode(row["OriginalMD5"]) == hashlib.md5(data).digest()
    hierarchy = json.loads((tmp_path / "release" / "bbox_labels_600_hierarchy.json").read_text())
    assert [leaf["LabelName"] for leaf in hierarchy["Subcategory"]] == ["/o/blue", "/o/red_thing"]


def test_a_copy_in_the_same_folder_is_the_same_photo(photos: Path, tmp_path: Path) -> None:
    shutil.copyfile(photos / "blue" / "blue.jpg", photos / "blue" / "copy of blue.jpg")
    made = make_release(photos, tmp_path / "release", None)
    assert (made.photos, made.classes) == (4, {"Red thing": 3, "blue": 2})


def test_a_turned_photo_and_a_png_are_written_upright_as_jpeg(photos: Path, tmp_path: Path) -> None:
    turned = Image.new("RGB", (60, 40), "green")
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(photos / "blue" / "turned.jpg", exif=exif)
    Image.new("RGBA", (50, 90), "pink").save(photos / "blue" / "clear.png")
    make_release(photos, tmp_path / "release", None)
    sizes = []
    for path in (tmp_path / "release" / "train").iterdir():
        with Image.open(path) as photo:
            assert photo.format == "JPEG"
            sizes.append(photo.size)
    assert sorted(sizes) == [(40, 60), (50, 90), *[(60, 40)] * 4]


def test_boxes_are_written_in_the_published_columns(photos: Path, tmp_path: Path) -> None:
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("class,file,x_min,x_max,y_min,y_max\nblue,blue/blue.jpg,0.1,0.5,0,1\n")
    assert make_release(photos, tmp_path / "release", boxes).boxes == 1
    (row,) = rows(tmp_path / "release" / BOXES)
    assert (row["LabelName"], row["XMin"], row["XMax"], row["YMin"], row["YMax"]) == (
        "/o/blue",
        "0.1",
        "0.5",
        "0.0",
        "1.0",
    )
    assert row["IsGroupOf"] == "-1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,class,x_min,x_max,y_min\n", "no column y_max"),
        ("file,class,x_min,x_max,y_min,y_max\nblue/none.jpg,blue,0,1,0,1\n", "no photo 'blue/none.jpg'"),
        ("file,class,x_min,x_max,y_min,y_max\nblue/blue.jpg,green,0,1,0,1\n", "no class 'green'"),
        ("file,class,x_min,x_max,y_min,y_max\nblue/blue.jpg,blue,0,60,0,1\n", "x_max is '60'"),
        ("file,class,x_min,x_max,y_min,y_max\nblue/blue.jpg,blue,0.5,0.5,0,1\n", "no area"),
        ("file,class,x_min,x_max,y_min,y_max\nblue/blue.jpg,blue,0.5,0.1,0,1\n", "no area"),
        ("file,class,x_min,x_max,y_min,y_max\nblue/blue.jpg,blue,0,12%,0,1\n", "x_max is '12%'"),
        ("file,class,x_min,x_max,y_min,y_max\nblue/blue.jpg,blue,0,nan,0,1\n", "x_max is 'nan'"),
        ("file,class,x_min,x_max,y_min,y_max\n\n\nblue/blue.jpg,blue,0,1,0\n", r"5 values where 6.*line 4"),
        ('file,class,x_min,x_max,y_min,y_max\n"blue/blue.jpg,blue,0,1,0,1\n', "not CSV"),
        ("file,class,x_min,x_max,y_min,y_max,class\n", "class twice"),
        ("", "it has no line"),
        ("file,class,x_min,x_max,y_min,y_max\n../boxes.csv,blue,0,1,0,1\n", "no photo '../boxes.csv'"),
    ],
)
def test_boxes_that_cannot_be_used_are_one_line_and_nothing_is_left(
    photos: Path, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "boxes.csv").write_text(text)
    with pytest.raises(BadInput, match=said) as refused:
        make_release(photos, tmp_path / "release", tmp_path / "boxes.csv")
    assert "\n" not in str(refused.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["boxes.csv", "photos"]


def test_folders_that_make_no_release(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such folder"):
        make_release(tmp_path / "none", tmp_path / "release", None)
    with pytest.raises(BadInput, match="two are the fewest"):
        make_release(photos / "blue", tmp_path / "release", None)
    with pytest.raises(BadInput, match="there already"):
        make_release(photos, photos, None)
    (photos / "Red-thing").mkdir()
    with pytest.raises(BadInput, match="same short name"):
        make_release(photos, tmp_path / "release", None)
    assert not (tmp_path / "release").exists()


@pytest.mark.parametrize("text", ["file;class;x_min;x_max;y_min;y_max\r\n{0};{1};0,25;0,5;0;1\r\n\r\n",
                                  'Class\tFile\tX_Min\t"X_Max"\tY_Min\tY_Max\n{1}\t{0}\t0.25\t0.5\t0\t1\n',
                                  "file,class,x_min,x_max,y_min,y_max,by\n.\\{0},{1},0.25,0.5,0,1,me\n"])  # fmt: skip
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_boxes_as_spreadsheets_write_them(photos: Path, tmp_path: Path, text: str, mark: str) -> None:
    composed, apart = "caf\u00e9", "cafe\u0301"  # the same name, in the two spellings that disks have
    (photos / composed).mkdir()
    Image.new("RGB", (60, 40), "white").save(photos / composed / f"{composed} 1.jpg")
    (tmp_path / "boxes.csv").write_text(mark + text.format(f"{apart}/{apart} 1.jpg", apart), "utf-8", newline="")
    assert make_release(photos, tmp_path / "release", tmp_path / "boxes.csv").boxes == 1
    (row,) = rows(tmp_path / "release" / BOXES)
    assert (row["LabelName"], row["XMin"], row["XMax"]) == ("/o/cafe", "0.25", "0.5")


def test_a_box_of_a_photo_that_is_left_out_is_left_out(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text(
        "file,class,x_min,x_max,y_min,y_max\nblue/broken.jpg,blue,0,1,0,1\n" + "blue/blue.jpg,blue,0,1,0,1\n" * 2
    )
    made = make_release(photos, tmp_path / "release", tmp_path / "boxes.csv")
    assert made.boxes == len(rows(tmp_path / "release" / BOXES)) == 1
    assert any("line 2" in text and "blue/broken.jpg is left out" in text for text in made.left_out)


def test_every_file_that_is_left_out_is_named(photos: Path, tmp_path: Path) -> None:
    blue = photos / "blue"
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("black", "white")]
    frames[0].save(blue / "moves.gif", save_all=True, append_images=frames[1:])
    (blue / "phone.heic").write_bytes(b"ftypheic")
    (blue / "empty.jpg").write_bytes(b"")
    (blue / "gone.jpg").symlink_to("nowhere")
    (blue / "self.jpg").symlink_to("self.jpg")
    (blue / "loop").symlink_to(blue)
    (blue / "folder.jpg").mkdir()
    os.mkfifo(blue / "pipe.jpg")
    (photos / "no photo yet").mkdir()
    Image.new("RGB", (60, 40), "white").save(photos / "stray.jpg")
    made = make_release(photos, tmp_path / "release", None)
    said = dict(text.split(": ", 1) for text in made.left_out)
    assert said.pop("blue/phone.heic").endswith("convert it to JPEG if it is one")
    assert said == {
        "stray.jpg": "it stands in no folder of a class",
        "blue/broken.jpg": "not an image",
        "blue/empty.jpg": "empty",
        "blue/gone.jpg": "a link to a folder, or to nothing",
        "blue/self.jpg": "a link to a folder, or to nothing",
        "blue/loop": "a link to a folder, or to nothing",
        "blue/moves.gif": "animated",
        "blue/pipe.jpg": "no file",
        "the class no photo yet": "it has no photo",
    }
    assert {row[1] for row in csv.reader((tmp_path / "release" / "class-descriptions-boxable.csv").open())} == {
        "Red thing",
        "blue",
    }


def test_a_photo_of_sixteen_bits_is_not_white(photos: Path, tmp_path: Path) -> None:
    grey = np.arange(60 * 40, dtype=np.uint16).reshape(40, 60) * 27
    Image.fromarray(grey).save(photos / "blue" / "deep.png")
    before = {path.read_bytes() for path in photos.rglob("*.jpg")}
    make_release(photos, tmp_path / "release", None)
    (new,) = (path for path in (tmp_path / "release" / "train").iterdir() if path.read_bytes() not in before)
    with Image.open(new) as photo:
        assert np.abs(np.asarray(photo)[..., 0].astype(int) - (grey >> 8)).max() < 8


def test_classes_have_names_in_any_script(tmp_path: Path) -> None:
    for number, name in enumerate(
        ("\u72ac", "\u732b", "Caf\u00e9", "Stra\u00dfe 1", "Strase 1", "\u2764\ufe0f", "\u0915\u094d\u200d\u0937")
    ):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (60, 40), (number * 50, 0, 0)).save(tmp_path / "photos" / name / "a.jpg")
    make_release(tmp_path / "photos", tmp_path / "release", None)
    with (tmp_path / "release" / "class-descriptions-boxable.csv").open(encoding="utf-8", newline="") as file:
        mids = {name: mid for mid, name in csv.reader(file)}
    assert mids["Caf\u00e9"] == "/o/cafe"
    assert mids["Strase 1"] == "/o/strase_1"
    assert len(set(mids.values())) == 7
    assert all(re.fullmatch(r"/[a-z]/[0-9a-z_]+", mid) for mid in mids.values())


def test_targets_that_would_harm_or_cannot_be(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="stand among the photos"):
        make_release(photos, photos / "release", None)
    (tmp_path / "file").write_text("x")
    for to in (tmp_path / "file" / "release", tmp_path / ("x" * 300)):
        with pytest.raises(BadInput, match="cannot be written"):
            make_release(photos, to, None)
    (tmp_path / "release.part").mkdir()
    (tmp_path / "release.part" / "mine.txt").write_text("kept")
    make_release(photos, tmp_path / "release", None, beside={"mine.yaml": "name: mine"})
    assert (tmp_path / "release.part" / "mine.txt").read_text() == "kept"
    assert (tmp_path / "release" / "mine.yaml").read_text() == "name: mine"
    (photos / "two\nlines").mkdir()
    with pytest.raises(BadInput, match="cannot be a name"):
        make_release(photos, tmp_path / "other", None)


def test_folders_without_photos_are_one_line(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
    with pytest.raises(BadInput, match="none of the files is a photo"):
        make_release(tmp_path / "photos", tmp_path / "release", None)
    Image.new("RGB", (60, 40)).save(tmp_path / "photos" / "a" / "a.jpg")
    with pytest.raises(BadInput, match="only the class a has photos"):
        make_release(tmp_path / "photos", tmp_path / "release", None)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_disk_that_fills_up_leaves_nothing(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(OiError, match="the disk is full"), files_of_at_most(64):
        make_release(photos, tmp_path / "release", None)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_the_profile_beside_it_is_named_as_the_command_that_is_told(photos: Path, tmp_path: Path) -> None:
    to = tmp_path / 'My "dogs" \u00e9'
    said = CliRunner().invoke(app, ["own-photos", str(photos), str(to)], standalone_mode=False)
    assert said.exception is None, said.exception
    words = shlex.split(said.stdout.splitlines()[-1].partition("Train on it: ")[2])
    folder, name = words[0].removeprefix("OI_PROFILES="), words[-1].removeprefix("PROFILE=")
    profile = load_profile(str(Path(folder) / f"{name}.yaml"))
    assert profile.name == name == "my--dogs"
    assert profile.release.folders == (str(to.resolve()),)
