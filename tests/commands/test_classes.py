"""`oi classes` on plain files: the real release, and files that cannot be used."""

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from oi_tasks.cli import app
from oi_tasks.errors import BadInput
from tests.conftest import shared_folder
from tests.test_cli import oi, one_line

BOXES_IN_ALL = 14_610_229


@pytest.fixture(scope="module")
def real_files(real_photos: Path) -> tuple[str, str, str]:
    counts = shared_folder("data/v4-metadata") / "v4-train-box-counts.csv"
    names = ("bbox_labels_600_hierarchy.json", "class-descriptions-boxable.csv")
    return (*(str(real_photos / name) for name in names), str(counts))


@pytest.fixture(scope="module")
def real(real_files: tuple[str, str, str]) -> dict[str, Any]:
    said = oi("classes", *real_files, "--max-classes", "76", "--min-coverage", "0.91", "--json")
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def test_the_real_release_is_covered_evenly(real: dict[str, Any], real_files: tuple[str, str, str]) -> None:
    rows = csv.DictReader(Path(real_files[2]).read_text().splitlines())
    own = {row["LabelName"]: int(row["TrainBoxes"]) for row in rows}
    assert set(real) == {"classes", "labels", "coverage", "bits", "bound"}
    assert len(real["classes"]) == 76
    assert len(real["labels"]) == 601
    for row in real["classes"]:
        assert set(row) == {"label", "name", "level", "boxes", "cluster"}
        assert row["boxes"] == sum(own.get(mid, 0) for mid, to in real["labels"].items() if to["class"] == row["label"])
        assert row["boxes"] >= 10_000
    assert real["coverage"] == pytest.approx(sum(row["boxes"] for row in real["classes"]) / BOXES_IN_ALL, abs=1e-6)
    assert real["coverage"] >= 0.923
    assert real["bits"] >= 4.99
    # The choice is exact: no other one has more bits.
    assert real["bound"] == pytest.approx(real["bits"], abs=1e-6)
    assert all(to["rule"].split(":")[0] in ("kept", "rolled up", "dropped") for to in real["labels"].values())


@pytest.mark.slow
def test_the_order_of_the_files_does_not_matter(
    real: dict[str, Any], real_files: tuple[str, str, str], tmp_path: Path
) -> None:
    shuffled = random.Random(1)

    def turned(node: dict[str, Any]) -> dict[str, Any]:
        lists = {kind: [turned(child) for child in node[kind]] for kind in ("Part", "Subcategory") if kind in node}
        for children in lists.values():
            shuffled.shuffle(children)
        return lists | {"LabelName": node["LabelName"]}

    hierarchy, descriptions, counts = (Path(name) for name in real_files)
    (tmp_path / "h.json").write_text(json.dumps(turned(json.loads(hierarchy.read_text()))))
    names = descriptions.read_text().splitlines()
    rows = [(row["TrainBoxes"], row["LabelName"]) for row in csv.DictReader(counts.read_text().splitlines())]
    shuffled.shuffle(names)
    shuffled.shuffle(rows)
    (tmp_path / "d.csv").write_text("\n".join(names) + "\n")
    (tmp_path / "c.csv").write_text("\n".join(["boxes,mid", *(",".join(row) for row in rows)]) + "\n")
    files = [str(tmp_path / name) for name in ("h.json", "d.csv", "c.csv")]
    said = oi("classes", *files, "--total-boxes", str(BOXES_IN_ALL), "--json")
    assert json.loads(said.stdout) == real


TREE = {
    "LabelName": "/m/root",
    "Subcategory": [
        {"LabelName": "/m/animal", "Subcategory": [{"LabelName": "/m/bird"}, {"LabelName": "/m/fish"}]},
        {"LabelName": "/m/car", "Part": [{"LabelName": "/m/wheel"}]},
    ],
}
Write = Callable[..., list[str]]


@pytest.fixture
def files(tmp_path: Path) -> Write:
    def write(
        tree: str = json.dumps(TREE),
        names: str = "/m/animal,Animal\n/m/bird,Bird\n/m/fish,Fish\n/m/car,Car\n",
        counts: str = "LabelName,Boxes\n/m/bird,60\n/m/fish,40\n/m/car,90\n/m/wheel,10\n",
    ) -> list[str]:
        texts = {"h.json": tree, "d.csv": names, "c.csv": counts}
        for name, text in texts.items():
            (tmp_path / name).write_text(text)
        return ["classes", *(str(tmp_path / name) for name in texts), "--min-boxes", "20"]

    return write


def here(*words: str) -> Result:
    """The command in this process: quicker, and the error as it is raised."""
    return CliRunner().invoke(app, words)


def chosen(*words: str) -> dict[str, Any]:
    said = here(*words, "--json")
    assert said.exit_code == 0, said.exception
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def refused(said: Result, words: str) -> None:
    assert isinstance(said.exception, BadInput), said.exception
    assert words in str(said.exception)


def test_a_table_for_people(files: Write) -> None:
    said = here(*files())
    assert said.exit_code == 0
    for words in ("Bird", "Fish", "Car", "3 classes in 2 clusters cover 95.00% of 200 boxes", "the counts' sum"):
        assert words in said.stdout


def test_the_boxes_in_all(files: Write, tmp_path: Path) -> None:
    words = files()
    assert chosen(*words)["coverage"] == 0.95
    assert chosen(*words, "--total-boxes", "208")["coverage"] == pytest.approx(190 / 208, abs=1e-6)
    (tmp_path / "v9-facts.json").write_text(json.dumps({"rows": 205}))
    assert chosen(*words)["coverage"] == pytest.approx(190 / 205, abs=1e-6)
    refused(here(*words, "--total-boxes", "199"), "there cannot be 199 boxes in all: 200 are counted")


def test_counts_in_other_forms(files: Write) -> None:
    expected = chosen(*files())
    for counts in (
        "/m/bird,60\n/m/fish,40\n/m/car,90\n/m/wheel,10\n",
        "count,rank,name,label\n60,1,Bird,/m/bird\n40,2,Fish,/m/fish\n90,3,Car,/m/car\n10,4,Wheel,/m/wheel\n",
    ):
        assert chosen(*files(counts=counts)) == expected


def test_a_label_without_a_description_keeps_its_mid(files: Write) -> None:
    found = chosen(*files(names="/m/car,Car\n"))
    assert {row["label"]: row["name"] for row in found["classes"]}["/m/bird"] == "/m/bird"


def test_overrides(files: Write, tmp_path: Path) -> None:
    path = tmp_path / "overrides.yaml"
    path.write_text("- {label: /m/wheel, action: keep}\n- {label: /m/fish, action: merge, into: /m/bird}\n")
    for source in (str(path), path.read_text()):
        found = chosen(*files(), "--overrides", source)
        assert {row["label"]: row["boxes"] for row in found["classes"]} == {
            "/m/bird": 100,
            "/m/car": 90,
            "/m/wheel": 10,
        }
        assert found["labels"]["/m/wheel"] == {"class": "/m/wheel", "rule": "kept: by hand"}


def test_the_pages(files: Write, tmp_path: Path) -> None:
    assert here(*files(), "--pages", str(tmp_path / "new" / "pages")).exit_code == 0
    assert {path.name for path in (tmp_path / "new" / "pages").iterdir()} == {"hierarchy.html", "classes.html"}
    refused(here(*files(), "--pages", str(tmp_path / "h.json")), "the pages cannot be written")


@pytest.mark.parametrize(
    ("changed", "words", "said"),
    [
        ({"tree": "{"}, [], "the hierarchy cannot be read"),
        ({"tree": "[]"}, [], "the hierarchy cannot be read"),
        ({"tree": '{"LabelName": "/m/root", "Subcategory": [{}]}'}, [], "the hierarchy cannot be read"),
        ({"names": ""}, [], "the descriptions name no label"),
        ({"counts": ""}, [], "the file of counts is empty"),
        ({"counts": "LabelName,Colour\n/m/car,red\n"}, [], "no column of box counts"),
        ({"counts": "Name,Boxes\ncar,3\n"}, [], "no column of MIDs"),
        ({"counts": "LabelName,Boxes\n/m/car,3\n/m/bird,many\n"}, [], "line 3 of the counts"),
        ({"counts": "LabelName,Boxes\n/m/car,3\n/m/car,4\n"}, [], "the counts name /m/car twice"),
        ({}, ["--max-classes", "1", "--min-coverage", "0.9"], "cover at most 50.00% of all 200 boxes, not 90.00%"),
        ({}, ["--overrides", "[{label: /m/none, action: keep}]"], "/m/none, which is no label"),
        ({}, ["--overrides", "[{label: /m/car, action: save}]"], "action cannot be"),
        ({}, ["--overrides", "nowhere.yaml"], "the overrides cannot be read"),
    ],
)
def test_what_cannot_be_used_is_one_line(files: Write, changed: dict[str, str], words: list[str], said: str) -> None:
    refused(here(*files(**changed), *words), said)


def test_a_file_that_is_not_there(files: Write) -> None:
    words = files()
    one_line(oi(words[0], "none.json", *words[2:]), 2, "the file of hierarchy cannot be read", "none.json")
