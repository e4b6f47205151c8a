"""Every shell block of the documents: what needs no server is run, of all else the words are tried.

Run, document by document and line by line, in a place with a release, photos and files of the names that the documents
use: `oi profiles`, `oi validate`, `oi own-photos`, `oi classes`, `oi detection-map`, `oi … --help`, `oi … --schema`, and
what the shell brings.

Run as well, of README and tutorial, over a real MinIO and MLflow with a promoted model: what asks them and changes
nothing, `oi status`, `oi predict`, `oi evaluate`, `oi ledger list`, `oi snapshot list`.

Only parsed, since a run needs a cluster or minutes, or moves the champion: all other commands of `oi` (that they exist, take these
options and arguments, and of a step that the job takes these fields), `make` (that the target is there), `python -m`
(that the module is there), `docker` and `kubectl` (that the files they name are there), `mlflow` and `curl` (nothing).
Of these, `tests.e2e.tutorial` runs the tutorial's and the README's on servers of its own.
"""

import csv
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from oi_tasks.commands.predict import COLUMNS
from oi_tasks.drawn.release import FEWEST_PHOTOS, draw_release
from oi_tasks.profile import profile_files
from oi_tasks.quality.suites import load_suites
from tests.conftest import Chain, Servers
from tests.e2e import tutorial
from tests.shell_words import ID, OI, blocks, commands_of, lines, parse_oi, without_assignments

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[1]
DOCS = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
WITHOUT_SERVER = {"profiles", "own-photos", "classes", "detection-map"}
ASKS_SERVERS = {"status", "predict", "evaluate", "ledger", "snapshot"}
TO_BEGIN_WITH = [CHECKOUT / "README.md", CHECKOUT / "docs" / "tutorial.md"]
ELSEWHERE = ("make test ", "docker build ", "kubectl ", "OI_EXECUTION=kubernetes ")
"""How the lines begin that nothing runs as they stand: the tests themselves, and what wants a registry and a cluster."""
SHELL = {"mkdir", "cp", "sed", "cat"}
OTHERS = {"curl", "mlflow"}


def can_run(line: str) -> bool:
    """Whether every command of the line needs no server, and all its words are written out."""
    return "…" not in line.partition("#")[0] and all(map(_can_run, commands_of(line)))


def _can_run(command: list[str]) -> bool:
    name, *words = without_assignments(command) or ["="]
    if name in OI:
        of_folder = words[0] == "validate" and not words[1].startswith("-")
        return of_folder or words[0] in WITHOUT_SERVER or words[-1] in ("--help", "--schema")
    return name in SHELL


def asks_servers(line: str) -> bool:
    """Whether the line asks servers that hold a promoted model, and changes nothing there."""
    (command, *others) = list(commands_of(line)) or [[]]
    name, *words = without_assignments(command) or ["="]
    return not others and name in OI and words[0] in ASKS_SERVERS and not can_run(line)


def test_the_documents_have_lines_of_all_kinds() -> None:
    every = [line for path in DOCS for line in lines(path)]
    assert {line.split()[1] for path in TO_BEGIN_WITH for line in lines(path) if asks_servers(line)} == ASKS_SERVERS
    assert not asks_servers("oi rollback --reason x")
    assert sum(map(can_run, every)) >= 12
    assert not can_run(".venv/bin/oi ledger list")
    assert not can_run("oi profiles demo | oi status")


def test_every_line_that_one_begins_with_is_run_but_for_those_that_want_more_than_a_machine() -> None:
    every = {line for path in TO_BEGIN_WITH for line in lines(path)}
    known = {line.partition(" #")[0].strip() for line in tutorial.to_run()}
    left = {line for line in every if not can_run(line) and not asks_servers(line)}
    nobodys = {line for line in left if line.partition(" #")[0].strip() not in known}
    assert {line for line in nobodys if not line.startswith(ELSEWHERE)} == set()
    assert {begin for begin in ELSEWHERE for line in nobodys if line.startswith(begin)} == set(ELSEWHERE)


@pytest.mark.parametrize("path", [path for path in DOCS if blocks(path)], ids=lambda path: path.name)
def test_the_words_of_every_line_are_such_as_the_commands_take(path: Path) -> None:
    for line in lines(path):
        for command in commands_of(line):
            words = without_assignments(command)
            if words:
                _try(words)


def _try(words: list[str]) -> None:
    name, *rest = words
    told = " ".join(words)
    if name in OI:
        parse_oi([_placed(word) for word in rest])
    elif name == "make":
        targets = set(re.findall(r"^([a-z-]+):.*## ", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
        assert [word for word in rest if "=" not in word and word not in targets] == [], told
    elif name == "python":
        assert rest[0] == "-m", told
        assert find_spec(rest[1]) is not None, told
    elif name in ("docker", "kubectl", "k8s/new-keys"):
        files = [word for word in words if re.match(r"(docker|k8s)/", word)]
        assert [file for file in files if not (CHECKOUT / file).exists()] == [], told
    else:
        assert name in SHELL | OTHERS, f"what is {name}? {told}"


def _placed(word: str) -> str:
    """A word with something in the place of what a reader puts there: an id, a profile."""
    word = re.sub(r"\bID\b|…", ID, word)
    known = profile_files()
    return "demo" if word in ("mine", "NAME") and word not in known else word


@pytest.mark.parametrize(
    "wrong",
    ["oi rollback --resaon x", "oi legder list", "oi tables --set relase=ID", "make dmeo", "python -m bench.flods"],
)
def test_words_that_nothing_takes_are_noticed(wrong: str) -> None:
    with pytest.raises(Exception, match="resaon|legder|relase|dmeo|flods"):
        _try(wrong.split())


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "release"
    draw_release(folder, FEWEST_PHOTOS, 0, defects=False)
    return folder


@pytest.fixture
def place(tmp_path: Path, release: Path) -> Path:
    """A folder like a checkout, with the files that the documents name."""
    (tmp_path / ".venv").symlink_to(CHECKOUT / ".venv")
    (tmp_path / "expectations").symlink_to(CHECKOUT / "expectations")
    for name in ("FOLDER", "my-release"):
        (tmp_path / name).symlink_to(release)
    tree, names = next(release.glob("*hierarchy*.json")), next(release.glob("*descriptions*.csv"))
    for here, there in (("hierarchy.json", tree), (tree.name, tree), ("class-descriptions-boxable.csv", names)):
        (tmp_path / here).symlink_to(there)
    (tmp_path / "HIERARCHY").symlink_to(tree)
    (tmp_path / "DESCRIPTIONS").symlink_to(names)
    with names.open() as file:
        counts = "LabelName,TrainBoxes\n" + "".join(f"{row[0]},20000\n" for row in csv.reader(file) if row[0][0] == "/")
    for name in ("COUNTS", "counts.csv"):
        (tmp_path / name).write_text(counts)
    boxes, labels = "annotations-bbox.csv", "annotations-human-imagelabels-boxable.csv"
    for here, there in (("truth.csv", boxes), ("labels.csv", labels)):
        (tmp_path / here).symlink_to(release / f"train-{there}")
        (tmp_path / f"validation-{there}").symlink_to(release / f"train-{there}")
    found = pd.read_csv(release / "train-annotations-bbox.csv").assign(Score=0.9)
    found[list(COLUMNS)].to_csv(tmp_path / "found.csv", index=False)
    (tmp_path / "overrides.yaml").write_text("[]\n")
    for place, kind in enumerate(("dog", "cat")):
        (tmp_path / "pictures" / kind).mkdir(parents=True)
        for shade in range(3):
            photo = Image.new("RGB", (64, 48), (80 * place, 60 * shade, 90))
            photo.save(tmp_path / "pictures" / kind / f"{shade}.jpg")
    (tmp_path / "boxes.csv").write_text("file,class,x_min,x_max,y_min,y_max\ndog/0.jpg,dog,0.1,0.9,0.1,0.9\n")
    return tmp_path


@pytest.mark.parametrize("path", TO_BEGIN_WITH, ids=lambda path: path.name)
def test_what_asks_servers_runs(path: Path, place: Path, release: Path, chain: Chain, servers: Servers) -> None:
    photo = next(release.rglob("*.jpg"))
    for name in ("photo.jpg", "folder/photo.jpg", "Pictures/cat.jpg"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).symlink_to(photo)
    told = {name: value for name, value in os.environ.items() if not name.startswith("OI_")}
    told |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(place), "PWD": str(place)}
    told |= {
        "OI_STATE": str(servers.state),
        "OI_ENV_FILE": str(servers.state / "env"),
        "OI_CACHE": str(chain.settings.cache),
    }
    for line in filter(asks_servers, lines(path)):
        done = subprocess.run(["bash", "-c", line], cwd=place, env=told, capture_output=True, text=True, timeout=500)
        assert done.returncode == 0, f"{line}\n{done.stdout[-500:]}{done.stderr}"
        assert done.stdout, line
    assert [path for path in (place / "drawn").iterdir() if path.suffix in (".jpg", ".png")], "predict drew nothing"


@pytest.mark.parametrize("path", [path for path in DOCS if any(map(can_run, lines(path)))], ids=lambda path: path.name)
def test_what_needs_no_server_runs(path: Path, place: Path) -> None:
    told = {name: value for name, value in os.environ.items() if not name.startswith("OI_")}
    told |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OI_ENV_FILE": "none", "PWD": str(place)}
    for line in filter(can_run, lines(path)):
        if "own-photos" in line and (place / "my-dogs").exists():
            subprocess.run(["rm", "-r", place / "my-dogs"], check=True)  # the second way to the same folder
        words = ["bash", "-o", "pipefail", "-c", line]
        done = subprocess.run(words, cwd=place, env=told, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{line}\n{done.stdout[-500:]}{done.stderr}"
    made = sorted((place / "mine").glob("*.yaml")) if (place / "mine").exists() else []
    for profile in made:
        listed = subprocess.run(
            ["oi", "profiles", profile.stem],
            env=told | {"OI_PROFILES": str(profile.parent)},
            capture_output=True,
            text=True,
        )
        assert f"name: {profile.stem}\n" in listed.stdout, listed.stderr


def test_the_expectation_that_is_shown_can_be_added(tmp_path: Path) -> None:
    (entry,) = blocks(CHECKOUT / "docs" / "how-to.md", "json")
    for path in (CHECKOUT / "expectations").glob("*.json"):
        suite = json.loads(path.read_text(encoding="utf-8"))
        if path.stem == "boxes":
            suite["expectations"].append(json.loads(entry))
        (tmp_path / path.name).write_text(json.dumps(suite), encoding="utf-8")
    assert load_suites(tmp_path)["boxes"].expectations[-1].meta.code == "box_at_edge"
