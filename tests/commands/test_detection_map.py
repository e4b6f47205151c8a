"""`oi detection-map` on files: numbers against the plain metric, and what must be refused, in one line each."""

import csv
import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from oi_tasks.cli import app
from oi_tasks.errors import BadInput
from tests.core.plain_map import plain_map

TREE = {
    "LabelName": "/m/0",
    "Subcategory": [
        {"LabelName": "/m/animal", "Subcategory": [{"LabelName": "/m/dog"}, {"LabelName": "/m/cat"}]},
        {"LabelName": "/m/car", "Part": [{"LabelName": "/m/wheel"}]},
    ],
}
BOXES = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
)
BOXES += "a,xclick,/m/dog,1,0.1,0.5,0.2,0.6,0,0,0,0,0\na,xclick,/m/cat,1,0.5,1,0.5,1,-1,-1,-1,-1,-1\n"
BOXES += "b,xclick,/m/dog,1,0,1,0,1,0,0,1,0,0\n"
LABELS = "ImageID,Source,LabelName,Confidence\na,verification,/m/car,0\nb,machine,/m/cat,0\nb,verification,/m/cat,0.7\n"
PREDICTIONS = "ImageID,LabelName,Score,XMin,XMax,YMin,YMax\n"
PREDICTIONS += "a,/m/dog,0.9,0.1,0.5,0.2,0.6\na,/m/animal,0.8,0.1,0.5,0.2,0.6\nb,/m/dog,0.7,0.2,0.3,0.2,0.3\n"
PREDICTIONS += "b,/m/dog,0.6,0.7,0.8,0.7,0.8\nb,/m/cat,0.99,0,1,0,1\nc,/m/dog,0.99,0,1,0,1\n"


class Files:
    """The four files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in (
            ("boxes", BOXES),
            ("image-labels", LABELS),
            ("predictions", PREDICTIONS),
            ("hierarchy", json.dumps(TREE)),
        ):
            self.path(name).write_text(text)

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.txt"

    def words(self, *more: str) -> list[str]:
        named = [(f"--{name}", str(self.path(name))) for name in ("boxes", "image-labels", "predictions", "hierarchy")]
        return ["detection-map", *(word for pair in named for word in pair), *more]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def said(files: Files, *more: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, files.words("--json", *more), catch_exceptions=False)
    assert done.exit_code == 0
    return json.loads(done.stdout)


def test_the_document(files: Files) -> None:
    assert said(files) == {
        "map": pytest.approx((1 + 0 + 1 / 3) / 3),
        "classes": {
            "/m/animal": {"ap": pytest.approx(1 / 3), "boxes": 3, "predictions": 1},
            "/m/cat": {"ap": 0.0, "boxes": 1, "predictions": 0},
            "/m/dog": {"ap": 1.0, "boxes": 2, "predictions": 3},
        },
    }


def test_expanded(files: Files) -> None:
    assert said(files, "--expand-predictions")["classes"]["/m/animal"] == {
        "ap": pytest.approx(2 / 3),
        "boxes": 3,
        "predictions": 4,  # the dog and the animal in one place are one
    }


def test_as_a_table(files: Files) -> None:
    shown = CliRunner().invoke(app, files.words(), catch_exceptions=False).stdout
    assert [line.split() for line in shown.splitlines()] == [
        ["class", "AP", "boxes", "predictions"],
        ["/m/dog", "1.0000", "2", "3"],
        ["/m/animal", "0.3333", "3", "1"],
        ["/m/cat", "0.0000", "1", "0"],
        ["mAP", "0.4444", "over", "3", "classes", "with", "a", "true", "box"],
    ]


def test_columns_in_any_order_and_no_group_flag(files: Files) -> None:
    whole = said(files)
    for name, without in (("boxes", "IsGroupOf"), ("predictions", ""), ("image-labels", "Source")):
        rows = list(csv.DictReader(files.path(name).read_text().splitlines()))
        columns = sorted(set(rows[0]) - {without}, reverse=True)
        with files.path(name).open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows if name != "image-labels" else rows[:1])
    found = said(files)
    assert found["classes"]["/m/cat"] == whole["classes"]["/m/cat"]
    assert found["classes"]["/m/dog"]["ap"] == pytest.approx(1 / 2)  # the group is a box of its own, and not found


def test_a_file_of_no_predictions_scores_nothing(files: Files) -> None:
    files.path("predictions").write_text(PREDICTIONS.splitlines()[0] + "\n")
    assert said(files)["map"] == 0.0


def test_labels_that_the_hierarchy_does_not_have_stand_alone_and_are_told(files: Files) -> None:
    files.path("predictions").write_text(PREDICTIONS + "a,/m/bogus,0.5,0,1,0,1\n")
    done = CliRunner().invoke(app, files.words("--json"), catch_exceptions=False)
    assert "1 labels are not in the hierarchy and stand alone: /m/bogus" in done.stderr
    assert json.loads(done.stdout)["classes"]["/m/dog"]["ap"] == 1.0


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("boxes", None, "there is no boxes file"),
        ("predictions", "", "lacks the column ImageID, .*which has no line"),
        ("boxes", BOXES.replace("XMax", "Right"), "the boxes file lacks the column XMax"),
        ("predictions", PREDICTIONS.replace("Score", "Confidence"), "the predictions file lacks the column Score"),
        ("image-labels", "ImageID,LabelName\na,/m/dog\n", "the image labels file lacks the column Confidence"),
        (
            "image-labels",
            LABELS + "a,verification,/m/dog,2\n",
            r"Confidence is not from 0 to 1 \(.*image-labels.txt:5\)",
        ),
        ("predictions", PREDICTIONS + "a,/m/dog,nan,0,1,0,1\n", r"the Score is no number \(.*predictions.txt:8\)"),
        ("predictions", PREDICTIONS + "a,/m/dog,,0,1,0,1\n", r"Score is empty \(.*predictions.txt:8\)"),
        ("predictions", PREDICTIONS + "a,/m/dog,high,0,1,0,1\n", r"Score is no number: 'high' \(.*predictions.txt:8\)"),
        (
            "predictions",
            PREDICTIONS + "a,/m/dog,1,0,1.2,0,1\n",
            r"reaches out of the photo: XMax .*predictions.txt:8\)",
        ),
        ("predictions", PREDICTIONS + "a,/m/dog,1,0,1,-3,1\n", r"reaches out of the photo: YMin .*predictions.txt:8\)"),
        ("predictions", PREDICTIONS + "a,/m/dog,1,0.5,0.4,0,1\n", r"XMin is larger than XMax \(.*predictions.txt:8\)"),
        ("boxes", BOXES.replace("0.1,0.5,0.2,0.6", "NaN,0.5,0.2,0.6"), r"XMin is no number \(.*boxes.txt:2\)"),
        ("boxes", BOXES.splitlines()[0] + "\n", "there is no true box"),
        ("hierarchy", "{", "the hierarchy cannot be read"),
        ("hierarchy", "[]", "the hierarchy cannot be read"),
        ("hierarchy", '{"Subcategory": []}', "the hierarchy cannot be read"),
    ],
)
def test_what_is_refused_is_one_line(files: Files, name: str, text: str | None, what: str) -> None:
    if text is None:
        files.path(name).unlink()
    else:
        files.path(name).write_text(text)
    done = CliRunner().invoke(app, files.words("--json"), standalone_mode=False)
    assert isinstance(done.exception, BadInput), done.exception
    with pytest.raises(BadInput, match=what):
        raise done.exception
    assert "\n" not in str(done.exception)


DEEP = '{"LabelName": "/m/0", "Subcategory": [' * 3000 + '{"LabelName": "/m/1"}' + "]}" * 3000
PLAIN = PREDICTIONS.encode()


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("predictions", gzip.compress(PLAIN), "the predictions file is not text"),
        ("predictions", PREDICTIONS.encode("utf-16"), "the predictions file is not text"),
        ("predictions", PLAIN.replace(b"\n", b"\r"), "the lines of the predictions file end in CR alone"),
        ("predictions", PLAIN.replace(b"Score,", b"Score,Score,"), "the predictions file names a column twice"),
        ("hierarchy", DEEP.encode(), "the hierarchy cannot be read: RecursionError"),
        ("hierarchy", b'{"LabelName": "/m/0", "Subcategory": [{"LabelName": null}]}', "a LabelName is no text"),
    ],
)
def test_files_of_another_kind_are_told_in_words_that_can_be_read(
    files: Files, name: str, data: bytes, what: str
) -> None:
    files.path(name).write_bytes(data)
    with pytest.raises(BadInput, match=what) as told:
        CliRunner().invoke(app, files.words(), catch_exceptions=False, standalone_mode=False)
    assert told.value.line.isprintable()


def test_labels_are_shown_as_they_are(files: Files) -> None:
    for name in ("boxes", "predictions"):
        text = files.path(name).read_text().replace("/m/cat", "[/m/cat]").replace("/m/dog", ":dog:")
        files.path(name).write_text(text)
    done = CliRunner().invoke(app, files.words(), catch_exceptions=False)
    assert done.exit_code == 0
    assert {line.split()[0] for line in done.stdout.splitlines()} >= {"[/m/cat]", ":dog:"}


def test_real_boxes_of_the_release_with_noisy_predictions(files: Files, real_scenes: Path) -> None:
    """Real scenes with their real hierarchy: the whole way through the files, against the plain metric."""
    draw = random.Random(1)
    names = {"boxes": "train-annotations-bbox.csv", "image-labels": "train-annotations-human-imagelabels-boxable.csv"}
    boxes = [
        (row["ImageID"], row["LabelName"], corners(row), row["IsGroupOf"] == "1")
        for row in csv.DictReader((real_scenes / names["boxes"]).open())
    ]
    labels = [
        (row["ImageID"], row["LabelName"], row["Confidence"] == "1")
        for row in csv.DictReader((real_scenes / names["image-labels"]).open())
    ]
    tree = json.loads((real_scenes / "bbox_labels_600_hierarchy.json").read_text())
    predictions = []
    for number, (photo, label, box, _) in enumerate(boxes * 2):
        left, top, right, bottom = (min(max(edge + draw.gauss(0, 0.03), 0.0), 1.0) for edge in box)
        moved = (min(left, right), min(top, bottom), max(left, right), max(top, bottom))
        predictions.append((photo, label, moved, draw.randrange(1000) / 1000 + number * 1e-8))
    with files.path("predictions").open("w") as file:
        file.write(PREDICTIONS.splitlines()[0] + "\n")
        file.writelines(
            f"{photo},{label},{score!r},{box[0]!r},{box[2]!r},{box[1]!r},{box[3]!r}\n"
            for photo, label, box, score in predictions
        )
    for name, source in names.items():
        files.path(name).write_bytes((real_scenes / source).read_bytes())
    files.path("hierarchy").write_text(json.dumps(tree))
    for expand in (False, True):
        found = said(files, *(["--expand-predictions"] if expand else []))
        expected = plain_map(tree, boxes, labels, predictions, expand)
        assert found["classes"] == {
            label: {"ap": pytest.approx(ap), "boxes": count, "predictions": given}
            for label, (ap, count, given) in expected.items()
        }
        assert 0.05 < found["map"] < 0.95


def corners(row: dict[str, str]) -> tuple[float, float, float, float]:
    return float(row["XMin"]), float(row["YMin"]), float(row["XMax"]), float(row["YMax"])
