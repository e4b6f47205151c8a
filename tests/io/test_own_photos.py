"""One's own photos as a release: what is written, that the pipeline's own reader takes it, and what is refused."""

import base64
import csv
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from oi_tasks.errors import BadInput
from oi_tasks.io.own_photos import BOXES, IMAGES, LABELS, make_release
from oi_tasks.io.release import sort_out
from oi_tasks.io.sources import FolderSource


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
