"""`oi evaluate FOLDER`: figures on photos that the model has not seen, against scikit-learn; and what is refused."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn import metrics as sk

from oi_tasks import cli
from oi_tasks.core.aspect import BINS, canvas
from oi_tasks.drawn.hierarchy import MIDS
from oi_tasks.drawn.release import draw_release
from oi_tasks.io.folder import ReleaseFolder, read_annotation, read_photos, split_in
from oi_tasks.models.cascade import PINNED, Cascade, Pinned
from oi_tasks.models.classifier import Classifier
from oi_tasks.models.saved import ModelMeta, load_model, save_model
from oi_tasks.models.semseg import Semseg
from oi_tasks.settings import settings as process_settings
from tests.conftest import Chain

pytestmark = pytest.mark.slow

CLASSES = {"Bird": ("Bird",), "Land vehicle": ("Land vehicle", "Car", "Bus", "Bicycle"), "Tomato": ("Tomato",)}


@dataclass(frozen=True)
class Said:
    """What a command leaves: its exit status, and what it printed."""

    status: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own_environment: None) -> Run:
    """`oi evaluate` in this process: the same entry as the command's."""

    def run(*words: object, **environment: str) -> Said:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        process_settings.cache_clear()
        monkeypatch.setattr("sys.argv", ["oi", "evaluate", *map(str, words)])
        monkeypatch.setenv("COLUMNS", "120")
        capsys.readouterr()
        try:
            cli.main()
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
        return Said(status, *capsys.readouterr())

    return run


def one_line(said: Said, status: int, *words: str) -> None:
    assert said.status == status, said.err
    assert "Traceback" not in said.err
    assert said.err.count("\n") == 1, said.err
    for word in words:
        assert word in said.err


def meta(**changed: Any) -> ModelMeta:
    fields: dict[str, Any] = {
        "kind": "classifier",
        "backbone": "test_resnet",
        "classes": tuple(MIDS[name] for name in CLASSES),
        "names": tuple(CLASSES),
        "thresholds": (0.5, 0.5, 0.5),
        "canvases": {name: canvas(name, 128) for name in BINS},
        "loss": "bce",
        "activation": "sigmoid",
        "dataset": "0" * 20,
        "labels": {MIDS[label]: MIDS[cls] for cls, labels in CLASSES.items() for label in labels},
        "ancestors": {MIDS["Land vehicle"]: (MIDS["Vehicle"],), MIDS["Bird"]: (MIDS["Animal"],)},
        "unverified": "negative",
    }
    return ModelMeta(**(fields | changed))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn release with mistakes planted in it."""
    folder = tmp_path_factory.mktemp("drawn") / "release"
    draw_release(folder, photos=50, seed=21)
    return folder


@pytest.fixture(scope="module")
def model(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained classifier, its thresholds where it names about half of the photos."""
    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("model")
    network = Classifier("test_resnet", len(CLASSES))
    torch.nn.init.normal_(network.head[-1].weight, std=1.0)
    save_model(folder, network, meta())
    said = probabilities(folder, [path.read_bytes() for path in sorted((release / "train").glob("*.jpg"))[:30]])
    save_model(folder, network, meta(thresholds=tuple(np.median(said, axis=0).tolist())))
    return folder


def read(folder: Path, split: str, facts: ModelMeta) -> ReleaseFolder:
    annotation = read_annotation(folder, split, facts.classes, facts.labels, facts.ancestors)
    return read_photos(annotation, lambda photos: None)


def probabilities(folder: Path, photos: list[bytes]) -> np.ndarray:
    """What the network says, one photo after the other."""
    network, facts = load_model(folder)
    rows = []
    for data in photos:
        try:
            photo = Image.open(io.BytesIO(data)).convert("RGB")
        except OSError:
            continue
        name = min(
            BINS,
            key=lambda bin_name: abs(np.log2(photo.width / photo.height) - {"2x1": 1, "1x1": 0, "1x2": -1}[bin_name]),
        )
        pixels = np.asarray(photo.resize(facts.canvases[name], Image.Resampling.BICUBIC), dtype=np.float32) / 255
        with torch.inference_mode():
            rows.append(network(torch.from_numpy(pixels).permute(2, 0, 1)[None]).sigmoid()[0].numpy())
    return np.stack(rows)


def truth_of(release: Path, labels: dict[str, str], classes: tuple[str, ...]) -> dict[str, np.ndarray]:
    """By ImageID which classes a photo shows, read with the csv module: photos in the folder that any label is known of."""
    shown: dict[str, set[str]] = {}
    for name in ("bbox", "human-imagelabels-boxable"):
        with (release / f"train-annotations-{name}.csv").open() as file:
            for row in csv.DictReader(file):
                if None in row.values() or not row["Confidence"].replace(".", "").isdigit():
                    continue
                if name == "bbox" and not row["XMin"].replace(".", "").isdigit():
                    continue
                known = shown.setdefault(row["ImageID"], set())
                if row["LabelName"] in labels and float(row["Confidence"]) == 1:
                    known.add(labels[row["LabelName"]])
    return {image_id: np.array([cls in found for cls in classes]) for image_id, found in shown.items()}


def test_the_figures_are_scikit_learns(evaluate: Run, release: Path, model: Path) -> None:
    done = evaluate(release, "--model", model, "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert {"top1_accuracy", "macro_f1", "micro_f1", "classes"} <= set(found)
    facts = meta()
    truth = truth_of(release, facts.labels, facts.classes)
    photos = {}
    for path in sorted((release / "train").glob("*.jpg")):
        try:
            Image.open(path).load()
        except OSError:
            continue
        if path.stem in truth:
            photos[path.stem] = path.read_bytes()
    _, saved = load_model(model)
    scored = read(release, "train", saved).samples
    ids = scored["ImageID"].to_list()
    assert found["photos"] == len(ids)
    assert {image_id for image_id in photos if truth[image_id].any()} <= set(ids) <= set(photos)
    true = np.stack([truth[image_id] for image_id in ids])
    said = probabilities(model, [photos[image_id] for image_id in ids])
    named = said >= np.array(saved.thresholds)
    assert found["macro_f1"] == pytest.approx(sk.f1_score(true, named, average="macro"), abs=1e-6)
    assert found["micro_f1"] == pytest.approx(sk.f1_score(true, named, average="micro"), abs=1e-6)
    single = true.sum(1) == 1
    assert found["photos_of_one_class"] == single.sum()
    right = said[single].argmax(1) == true[single].argmax(1)
    assert found["top1_accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    for place, row in enumerate(found["classes"]):
        assert row["label"] == saved.classes[place]
        assert row["photos"] == true[:, place].sum()
        assert row["average_precision"] >= sk.average_precision_score(true[:, place], said[:, place]) - 1e-6
        low, high = found["intervals"]["macro_f1"]
        assert low < found["macro_f1"] < high
    assert "the folder has no test photos: those of train are scored" in done.err
    assert "left out" in done.err
    assert any(reason == "truncated" for reason in found["left_out"]["unreadable_photos"].values())
    uncovered = found["left_out"]["labels_without_a_class"]
    assert {"Fish", "Cat"} <= set(uncovered)
    assert not {"Car", "Bird"} & set(uncovered)


def test_people_read_a_table(evaluate: Run, release: Path, model: Path) -> None:
    done = evaluate(release, "--model", model, "--split", "train")
    assert done.status == 0, done.err
    assert "top-1 accuracy" in done.out
    assert "Land vehicle" in done.out
    assert "no test photos" not in done.err


def test_the_page_is_written_and_a_place_that_cannot_be_is_told_first(
    evaluate: Run, release: Path, model: Path, tmp_path: Path
) -> None:
    words = (release, "--model", model, "--split", "train", "--page")
    done = evaluate(*words, tmp_path / "errors.html")
    assert done.status == 0, done.err
    assert f"the error analysis is in {tmp_path}/errors.html" in done.err
    page = (tmp_path / "errors.html").read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>")
    assert "Land vehicle" in page
    one_line(evaluate(*words, tmp_path / "none" / "errors.html"), 2, "the file's folder does not exist")
    assert [path.name for path in tmp_path.iterdir()] == ["errors.html"]


def test_a_label_verified_absent_rules_out_what_is_a_kind_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "release"
    (folder / "test").mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (64, 64)).save(folder / "test" / f"{number:016x}.jpg")
    rows = [(0, "Vehicle", 0), (1, "Car", 1), (1, "Animal", 0), (2, "Cat", 1)]
    lines = [f"{number:016x},verification,{MIDS[name]},{sure}" for number, name, sure in rows]
    name = "test-annotations-human-imagelabels-boxable.csv"
    (folder / name).write_text("\n".join(["ImageID,Source,LabelName,Confidence", *lines]) + "\n")
    found = read(folder, "test", meta())
    assert found.samples.select("present", "absent").rows() == [([], [1]), ([1], [0])]
    assert found.unlabelled == 1
    assert found.uncovered == {MIDS["Cat"]: 1}
    assert split_in(folder, "") == ("test", "")


def test_bad_folders_and_models_are_one_line(evaluate: Run, release: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bare" / "test").mkdir(parents=True)
    photo = next((release / "train").glob("*.jpg"))
    shutil.copyfile(photo, tmp_path / "bare" / "test" / photo.name)
    known = ("--model", model)
    one_line(evaluate(tmp_path / "nowhere", *known), 2, "there is no folder")
    one_line(evaluate(tmp_path / "empty", *known), 2, "the folder has no photos")
    one_line(evaluate(tmp_path / "bare", *known), 2, "neither image labels nor boxes of test")
    one_line(evaluate(release, *known, "--split", "test"), 2, "no photos of the split 'test'", "train")
    train = ("--split", "train")
    one_line(evaluate(release, "--model", "models:/a b@c", *train), 2, "is no address of a model")
    one_line(evaluate(release, "--model", tmp_path / "empty", *train), 2, "holds no model")
    one_line(evaluate(release, "--model", "nowhere", *train), 2, "there is no model nowhere")
    down = evaluate(release, *train, OI_MLFLOW_URL="http://127.0.0.1:9")
    one_line(down, 4, "MLflow does not answer")
    one_line(evaluate(release, "--profile", "demo", *known), 2, "are of the step, which takes no folder")
    one_line(evaluate("--json"), 2, "score a folder")


def test_a_model_of_other_classes_or_of_a_cluster_is_one_line(evaluate: Run, release: Path, tmp_path: Path) -> None:
    other = meta(classes=("/m/0a", "/m/0b"), names=("A", "B"), thresholds=(0.5, 0.5), labels={}, ancestors={})
    save_model(tmp_path / "other", Classifier("test_resnet", 2), other)
    save_model(tmp_path / "cluster", Semseg("test_resnet", 3), meta(kind="semseg", cluster="bird"))
    train = ("--split", "train")
    said = evaluate(release, *train, "--model", tmp_path / "other")
    one_line(said, 2, "no photo of the folder has a label of one of the model's classes")
    said = evaluate(release, *train, "--model", tmp_path / "cluster")
    one_line(said, 2, "is the segmentation model of a cluster")


def test_a_folder_of_a_cascade_is_a_model_too(evaluate: Run, release: Path, model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "classifier")
    pinned = Pinned(parts={}, dataset="", classes_key="")
    (tmp_path / PINNED).write_text(pinned.model_dump_json())
    assert Cascade.load(tmp_path).classes == meta().classes
    done = evaluate(release, "--split", "train", "--json", "--model", tmp_path)
    alone = evaluate(release, "--split", "train", "--json", "--model", model)
    assert json.loads(done.out)["classes"] == json.loads(alone.out)["classes"]


@pytest.mark.slow
def test_the_champion_scores_a_release_that_it_has_not_seen(evaluate: Run, chain: Chain, tmp_path: Path) -> None:
    draw_release(tmp_path / "release", photos=60, seed=77, defects=False)

    def scored(model: str) -> dict[str, Any]:
        words = (tmp_path / "release", "--split", "train", "--json", "--model", model)
        done = evaluate(*words, OI_MLFLOW_URL=chain.settings.mlflow_url)
        assert done.status == 0, done.err
        found: dict[str, Any] = json.loads(done.out)
        return found

    found = scored("models:/oi-classifier@champion")
    version = chain.said["train_classifier"]["result"]["model_version"]
    assert found["model"] == f"oi-classifier version {version}"
    class_map = chain.output("collapse").read_json("class_map.json")
    assert [row["label"] for row in found["classes"]] == [cls["label"] for cls in class_map["classes"]]
    labels = {label: fate["class"] for label, fate in class_map["labels"].items() if fate["class"]}
    classes = tuple(cls["label"] for cls in class_map["classes"])
    truth = truth_of(tmp_path / "release", labels, classes)
    assert [row["photos"] for row in found["classes"]] == sum(truth.values()).tolist()
    again = scored("models:/oi-cascade@champion")
    assert again["classes"] == found["classes"]
    missing = evaluate(
        tmp_path / "release",
        *("--split", "train", "--model", "models:/oi-classifier@nobody"),
        OI_MLFLOW_URL=chain.settings.mlflow_url,
    )
    one_line(missing, 2, "the registry has no oi-classifier@nobody")
