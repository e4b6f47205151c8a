"""From shards to a promoted cascade, on a real MinIO and a real MLflow."""

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from PIL import Image
from sklearn.metrics import f1_score

from oi_tasks.core.splits import split_of
from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.shards import ShardReader
from oi_tasks.io.store import REPORTS, WORK, Store
from oi_tasks.io.tracking import Tracking
from oi_tasks.jobs import job_class
from oi_tasks.jobs.base import execute
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.models.cascade import Cascade
from oi_tasks.models.saved import load_trained
from oi_tasks.profile import Prices
from oi_tasks.training.semseg import ClusterPhotos
from tests.conftest import SMALL, Chain
from tests.jobs.stopped import EACH_STEP, demand_equal_weights

pytestmark = pytest.mark.slow
OI = str(Path(sys.executable).with_name("oi"))


def ids(chain: Chain, *names: str) -> dict[str, str]:
    fields = {"shards": "dataset", "train_classifier": "classifier", "collapse": "classes", "validate": "validated"}
    return {fields[name]: chain.said[name]["id"] for name in names}


# -- shards


def test_a_photo_is_in_the_split_that_its_hash_says_and_in_no_other(chain: Chain) -> None:
    samples = pl.read_parquet(chain.output("shards").local("samples.parquet"))
    assert samples["id"].is_unique().all()
    splits = chain.profile.splits
    expected = [split_of(image_id, splits.tune, splits.test) for image_id in samples["id"]]
    assert samples["split"].to_list() == expected
    assert set(expected) == {"train", "tune", "test"}


def test_the_tars_hold_the_same_as_the_table_and_the_photos_fill_their_canvas(chain: Chain) -> None:
    dataset = chain.output("shards")
    index = dataset.read_json("index.json")
    rows = {row["id"]: row for row in pl.read_parquet(dataset.local("samples.parquet")).iter_rows(named=True)}
    seen = set()
    for name in dataset.names("shards/"):
        with tarfile.open(dataset.local(name)) as tar:
            members = {member.name: tar.extractfile(member).read() for member in tar}
        for image_id in {Path(member).stem for member in members}:
            facts, row = json.loads(members[f"{image_id}.json"]), rows[image_id]
            assert row["shard"] == name
            assert facts["boxes"] == row["boxes"]
            assert facts["present"] == row["present"]
            photo = Image.open(io.BytesIO(members[f"{image_id}.jpg"]))
            assert list(photo.size) == index["canvases"][row["bin"]]
            seen.add(image_id)
    assert seen == set(rows)


def test_a_reader_gives_the_photos_that_the_tars_hold(chain: Chain) -> None:
    dataset = chain.output("shards")
    reader = ShardReader(dataset, "test")
    row = reader.table.row(3, named=True)
    with tarfile.open(dataset.local(row["shard"])) as tar:
        jpeg = tar.extractfile(f"{row['id']}.jpg").read()
    assert reader.jpeg(3) == jpeg
    assert (reader.image(3) == np.asarray(Image.open(io.BytesIO(jpeg)))).all()
    with pytest.raises(BadInput, match="there is no split 'all'"):
        ShardReader(dataset, "all")


# -- training


def test_a_stopped_training_goes_on_to_the_same_weights_bit_for_bit(chain: Chain, tmp_path: Path) -> None:
    longer = json.loads(json.dumps(SMALL))
    longer["classifier"] |= {"epochs": {"frozen": 1, "unfrozen": 5}, "checkpoints": EACH_STEP}
    (tmp_path / "longer.yaml").write_text(yaml.safe_dump(longer))
    words = [OI, "train_classifier", "--profile", str(tmp_path / "longer.yaml")]
    words += ["--set", f"dataset={chain.said['shards']['id']}"]
    environment = os.environ | {"OI_ENV_FILE": str(_env_file(chain, tmp_path))}
    said = demand_equal_weights(words, environment, _outputs(chain), "train_classifier", steps=15)
    assert "with the state saved; run it again to go on" in said


def _outputs(chain: Chain) -> Outputs:
    return Outputs(Store(chain.settings), chain.settings.cache)


def _env_file(chain: Chain, folder: Path) -> Path:
    """The chain's settings as a file for another process."""
    found = chain.settings
    lines = {
        "OI_STORE_ENDPOINT": found.store_endpoint,
        "OI_STORE_ACCESS_KEY": found.store_access_key,
        "OI_STORE_SECRET_KEY": found.store_secret_key.get_secret_value(),
        "OI_MLFLOW_URL": found.mlflow_url,
        "OI_CACHE": str(found.cache),
    }
    file = folder / "env"
    file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    return file


def test_a_model_that_the_registry_has_lost_is_trained_again(chain: Chain) -> None:
    again = chain.job("train_classifier", **ids(chain, "shards"))
    assert again["reused"]
    tracking = Tracking(chain.settings)
    spare = chain.profile.model_copy(update={"classifier": chain.profile.classifier.model_copy(update={"seed": 1})})
    other = Chain(spare, chain.settings, {}, ())
    version = other.job("train_classifier", **ids(chain, "shards"))["result"]["model_version"]
    tracking.client.delete_model_version("oi-classifier", str(version))
    once_more = other.job("train_classifier", **ids(chain, "shards"))
    assert not once_more["reused"]
    assert tracking.version_exists("oi-classifier", once_more["result"]["model_version"])


def test_a_run_says_what_it_was_made_with_and_what_the_machine_did(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.1")
    monkeypatch.setenv("OI_IMAGE", "registry.example/oi-trainer@sha256:" + "0" * 64)
    spare = chain.profile.model_copy(update={"classifier": chain.profile.classifier.model_copy(update={"seed": 2})})
    said = Chain(spare, chain.settings, {}, ()).job("train_classifier", **ids(chain, "shards"))
    run = Tracking(chain.settings).client.get_run(said["result"]["mlflow_run"])
    assert run.data.tags["image"] == os.environ["OI_IMAGE"]
    assert re.fullmatch("[0-9a-f]{12}", run.data.tags["packages"])
    assert run.data.tags["dataset"] == chain.said["shards"]["id"]
    assert run.data.metrics["system/cpu_utilization_percentage"] > 0


@pytest.mark.parametrize(
    ("part", "changed", "what"),
    [
        ("classifier", {"backbone": "resnet19"}, "timm has no backbone 'resnet19'"),
        ("classifier", {"backbone": "vit_tiny_patch16_224"}, "does not give feature maps at strides 8, 16 and 32"),
        ("classifier", {"weights": {"address": "/nowhere.pth", "sha256": "0" * 64}}, "there is no file of weights"),
    ],
)
def test_a_recipe_that_cannot_be_is_one_line(chain: Chain, part: str, changed: dict[str, Any], what: str) -> None:
    profile = chain.profile.model_validate(SMALL | {part: SMALL[part] | changed})
    with pytest.raises(BadInput, match=what) as refused:
        Chain(profile, chain.settings, {}, ()).job("train_classifier", **ids(chain, "shards"))
    assert "\n" not in str(refused.value)


def test_masks_are_trained_by_the_whole_recipe(chain: Chain, tmp_path: Path) -> None:
    """A frozen stage first, then all layers with the statistics of normalisation that the classifier's encoder has."""
    recipe = {"epochs": {"frozen": 1, "unfrozen": 1}, "norm_eval": True, "average": {"kind": "swa", "epochs": 2}}
    profile = chain.profile.model_validate(SMALL | {"semseg": SMALL["semseg"] | recipe | {"precision": "bf16"}})
    cluster = chain.said["plan"]["result"]["clusters"][0]
    other = Chain(profile, chain.settings, dict(chain.said), ())
    other.said["train_semseg"] = other.job("train_semseg", **ids(chain, "shards", "train_classifier"), cluster=cluster)
    trained = other.output("train_semseg")
    curves = trained.read_json("curves.json")
    assert [epoch["stage"] for epoch in curves] == ["frozen", "unfrozen", "averaged", "averaged"]
    masks, _ = load_trained(trained, tmp_path / "masks")
    classifier, _ = load_trained(chain.output("train_classifier"), tmp_path / "classifier")
    ours, theirs = masks.encoder.state_dict(), classifier.encoder.state_dict()
    kept = {name for name in ours if name.endswith(("running_mean", "running_var"))}
    assert kept
    assert all(torch.equal(ours[name], theirs[name]) for name in kept)
    assert any(not torch.equal(ours[name], theirs[name]) for name in ours if name.endswith("weight"))
    counted = {buffer.item() for name, buffer in masks.head.state_dict().items() if name.endswith("batches_tracked")}
    reader = ShardReader(chain.output("shards"), "train")
    photos = ClusterPhotos(reader, reader.index.positions(reader.index.cluster(cluster).classes), 0.25).reader
    _, of_bin = np.unique(photos.bins, return_counts=True)
    assert counted == {sum(-(-count // 16) for count in of_bin)}  # of the decoder's average: one pass over the photos


def test_a_cluster_that_is_none_is_one_line(chain: Chain) -> None:
    with pytest.raises(BadInput, match="the dataset trains no cluster 'rockets'"):
        chain.job("train_semseg", **ids(chain, "shards", "train_classifier"), cluster="rockets")


# -- evaluation


def champion(chain: Chain, folder: Path) -> Cascade:
    version = chain.said["evaluate"]["result"]["candidate"]
    return Cascade.load(Tracking(chain.settings).download(CASCADE, version, folder))


def test_the_classifiers_f1_is_scikit_learns(chain: Chain, tmp_path: Path) -> None:
    reader, cascade = ShardReader(chain.output("shards"), "test"), champion(chain, tmp_path)
    truth = reader.known("present")
    said = np.zeros_like(truth)
    for row, sample in enumerate(reader.samples()):
        found = cascade.predict_images([sample.image])[0]
        said[row] = found.probabilities >= np.array(cascade.meta.thresholds)
    there = truth.any(axis=0)
    expected = f1_score(truth[:, there], said[:, there], average="macro", zero_division=0)
    numbers = chain.said["evaluate"]["result"]["numbers"]
    assert numbers["classifier"]["macro_f1"] == pytest.approx(expected, abs=1e-6)
    assert set(numbers) == {"classifier", "cascade", *(f"semseg/{name}" for name in cascade.clusters)}


def test_every_number_that_the_docs_name_for_the_gate_is_measured(chain: Chain) -> None:
    numbers = chain.said["evaluate"]["result"]["numbers"]
    docs = Path(__file__).parents[2] / "docs"
    blocks = re.findall(r"```yaml\n(.*?)```", (docs / "promotion.md").read_text("utf-8"), re.DOTALL)
    (gate,) = [found["gate"] for found in map(yaml.safe_load, blocks) if "gate" in found]
    named = {(group, name) for group in ("classifier", "semseg", "cascade") for name in gate[group]}
    inline = re.findall(r"`gate: \{(\w+): \{(\w+):", (docs / "detection.md").read_text("utf-8"))
    assert ("classifier", "calibration_error") in named
    assert len(inline) == 2
    for group, name in named | set(inline):
        parts = [part for part in numbers if part.partition("/")[0] == group]
        assert parts
        assert all(name in numbers[part] for part in parts), (group, name)


def test_the_table_of_test_photos_says_what_was_said_of_each(chain: Chain, tmp_path: Path) -> None:
    reader, cascade = ShardReader(chain.output("shards"), "test"), champion(chain, tmp_path)
    evaluation = chain.output("evaluate")
    photos = pl.read_parquet(evaluation.local("photos.parquet"))
    rows = {row["id"]: row for row in photos.iter_rows(named=True)}
    assert len(rows) == len(photos) == len(reader)
    ran = dict.fromkeys(cascade.clusters, 0)
    for sample in reader.samples():
        found, row = cascade.predict_images([sample.image])[0], rows[sample.id]
        assert row["ran"] == list(found.ran)
        assert row["bin"] == sample.bin
        assert row["truth"] == [cascade.classes[place] for place in sorted(sample.present)]
        named = found.probabilities >= np.array(cascade.meta.thresholds)
        assert row["said"] == np.array(cascade.classes)[named].tolist()
        assert row["top_probability"] == pytest.approx(float(found.probabilities.max()), abs=1e-5)
        assert row["boxes_hit"] <= min(row["boxes_true"], row["boxes_found"])
        for slug in found.ran:
            ran[slug] += 1
    scores = evaluation.read_json("scores.json")
    routing = scores["routing"]
    assert {row["cluster"]: row["photos"] for row in routing["clusters"]} == ran
    assert routing["passes_saved"] == pytest.approx(1 - sum(ran.values()) / (len(rows) * len(ran)))
    assert all(row["milliseconds"] > 0 for row in routing["clusters"])
    numbers = chain.said["evaluate"]["result"]["numbers"]["cascade"]
    assert photos["boxes_hit"].sum() / photos["boxes_true"].sum() == pytest.approx(numbers["box_recall"], abs=1e-6)
    assert photos["boxes_hit"].sum() / photos["boxes_found"].sum() == pytest.approx(numbers["box_precision"], abs=1e-6)


def test_masks_have_their_curves_and_an_evaluation_done_again_leaves_equal_tables(chain: Chain) -> None:
    evaluation = chain.output("evaluate")
    masks = pl.read_parquet(evaluation.local("masks.parquet"))
    per_class = pl.read_parquet(evaluation.local("per_class.parquet"))
    assert masks.group_by("class").len()["len"].unique().to_list() == [19]
    assert set(masks["class"]) == set(per_class.filter(pl.col("iou").is_not_null())["label"])
    assert len(chain.semseg) > 1
    fields = {**ids(chain, "shards", "train_classifier"), "semseg": chain.semseg[:1]}  # the chain's own stays as it is
    job = job_class("evaluate").from_profile(chain.profile, **fields)
    said = [execute(job, chain.settings, force=True) for _ in range(2)]
    assert [one["reused"] for one in said] == [False, False]
    one, other = (_outputs(chain).get("evaluate", found["id"]) for found in said)
    for name in ("photos.parquet", "masks.parquet", "per_class.parquet"):
        assert other.read_bytes(name) == one.read_bytes(name), name


def test_the_page_on_masks_and_boxes_shows_photos_and_routing(chain: Chain) -> None:
    said, evaluation = chain.said["evaluate"]["result"], chain.output("evaluate")
    page = evaluation.read_bytes("boxes.html").decode()
    assert Store(chain.settings).get_bytes(REPORTS, said["boxes"].removeprefix(f"{REPORTS}/")).decode() == page
    assert len(page) < 5_000_000
    photos = set(re.findall(r'aria-label="Photo (\w+), (?:truth|said):', page))
    assert 0 < len(photos) <= 12
    assert photos <= set(pl.read_parquet(evaluation.local("photos.parquet"))["id"])
    assert 'class="mask"' in page
    assert all(row["cluster"] in page for row in evaluation.read_json("scores.json")["routing"]["clusters"])


def test_boxes_come_from_classes_that_are_there_and_are_sorted_by_score(chain: Chain, tmp_path: Path) -> None:
    reader, cascade = ShardReader(chain.output("shards"), "test"), champion(chain, tmp_path)
    found = cascade.predict([reader.jpeg(row) for row in range(12)])
    for photo in found:
        for box in photo.boxes:
            place = cascade.classes.index(box.label)
            assert photo.probabilities[place] >= cascade.meta.thresholds[place]
            assert 0 <= box.box[0] < box.box[2] <= 1
            assert 0 <= box.box[1] < box.box[3] <= 1
            assert 0 <= box.score <= 1
        assert [box.score for box in photo.boxes] == sorted((box.score for box in photo.boxes), reverse=True)


def test_photos_together_and_alone_give_the_same(chain: Chain, tmp_path: Path) -> None:
    reader, cascade = ShardReader(chain.output("shards"), "test"), champion(chain, tmp_path)
    photos = [reader.jpeg(row) for row in range(10)]
    together = cascade.predict(photos)
    for photo, expected in zip(photos, together, strict=True):
        alone = cascade.predict([photo])[0]
        assert alone.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
        assert alone.ran == expected.ran


def test_a_registered_cascade_answers_in_a_process_of_its_own(chain: Chain, tmp_path: Path) -> None:
    version = chain.said["evaluate"]["result"]["candidate"]
    reader, cascade = ShardReader(chain.output("shards"), "test"), champion(chain, tmp_path)
    (tmp_path / "photo.jpg").write_bytes(reader.jpeg(0))
    code = (
        "import sys, mlflow, pandas\n"
        f"mlflow.set_tracking_uri({chain.settings.mlflow_url!r})\n"
        f"model = mlflow.pyfunc.load_model('models:/{CASCADE}/{version}')\n"
        "photo = open('photo.jpg', 'rb').read()\n"
        "print(model.predict(pandas.DataFrame({'photo': [photo]})).to_json(orient='records'))\n"
        "print([name for name in sys.modules if name.startswith('oi_tasks.jobs')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    *_, answer, imported = done.stdout.strip().splitlines()
    assert imported == "[]"
    labels = json.loads(json.loads(answer)[0]["labels"])
    found = cascade.predict([reader.jpeg(0)])[0]
    expected = {
        label: pytest.approx(float(value), abs=1e-4)
        for label, value, threshold in zip(cascade.classes, found.probabilities, cascade.meta.thresholds, strict=True)
        if value >= threshold
    }
    assert labels == expected


# -- gate, promotion, report


def test_the_champion_pins_the_versions_of_its_parts_and_their_aliases_follow(chain: Chain, tmp_path: Path) -> None:
    tracking = Tracking(chain.settings)
    version = tracking.alias(CASCADE, "champion")
    assert version == chain.said["promote"]["result"]["version"]
    cascade = champion(chain, tmp_path)
    assert cascade.pinned.parts["oi-classifier"] == chain.said["train_classifier"]["result"]["model_version"]
    assert set(cascade.pinned.parts) == {"oi-classifier", *(f"oi-semseg-{name}" for name in cascade.clusters)}
    for part, pinned in cascade.pinned.parts.items():
        assert tracking.alias(part, "champion") == pinned


def test_run_again_everything_is_reused(chain: Chain) -> None:
    verdict = chain.said["gate"]["id"]
    assert chain.job("promote", verdict=verdict)["reused"]
    assert chain.job("report", verdict=verdict, promoted=chain.said["promote"]["id"])["reused"]
    fields = {**ids(chain, "shards", "train_classifier"), "semseg": chain.semseg}
    assert chain.job("evaluate", **fields)["reused"]


def test_the_report_says_what_happened(chain: Chain) -> None:
    key = chain.said["report"]["result"]["report"].removeprefix(f"{REPORTS}/")
    page = Store(chain.settings).get_bytes(REPORTS, key).decode()
    version = chain.said["promote"]["result"]["version"]
    assert f"Version {version} of oi-cascade is the champion now" in page
    assert "<svg" in page
    assert chain.said["shards"]["id"] in page
    assert "http" not in page.replace(chain.settings.mlflow_url, "").replace("http://www.w3.org", "").replace(
        "http://purl.org", ""
    ).replace("http://creativecommons.org", "").replace("https://matplotlib.org", "")


def test_the_report_of_a_run_says_what_it_cost_and_mlflow_has_it(chain: Chain) -> None:
    """The gate was computed in this run, the shards were reused: one has a cost, the other none."""
    store, folder = Store(chain.settings), "runs/oi_retrain/manual__1+00:00"
    for name in ("gate", "shards"):
        reused = name == "shards"
        used = None if reused else {"cpu_seconds": 7200.0, "gpu_seconds": 0.0, "stored_bytes": 5_000_000}
        store.put_json(WORK, f"{folder}/{name}.json", chain.said[name] | {"reused": reused, "used": used})
    fields = {"verdict": chain.said["gate"]["id"], "promoted": chain.said["promote"]["id"]}
    job = job_class("report").from_profile(chain.profile, **fields, prices=Prices(cpu_hour=0.5, gb_month=2))
    said = execute(job, chain.settings, result_to=f"{folder}/report.json")
    page = store.get_bytes(REPORTS, said["result"]["report"].removeprefix(f"{REPORTS}/")).decode()
    words = " ".join(re.sub("<[^>]*>", " ", page).split())
    assert "gate 7200.0 0.0 5.00 1.0100 shards reused 0.0 0.0 0.00 0.0000 This run 7200.0 0.0 5.00 1.0100" in words
    tracking = Tracking(chain.settings)
    run = tracking.client.get_run(chain.output("evaluate").result["mlflow_run"])
    attached = {file.path for file in tracking.client.list_artifacts(run.info.run_id)}
    assert attached >= {"report.html", "errors.html", "boxes.html", "quality.html", "classes.html", "hierarchy.html"}
    for address in re.findall(r'<a href="\.\./([^"]+)"', page):
        assert store.exists(REPORTS, address)
    assert len(re.findall(r'<a href="\.\./', page)) == 5
    assert run.data.metrics["spent/cpu_seconds"] == 7200
    assert run.data.metrics["spent/price"] == pytest.approx(1.01)
    tags = tracking.version_tags(CASCADE, chain.said["evaluate"]["result"]["candidate"])
    assert tags is not None
    trained = chain.output("train_classifier").manifest.produced["used"]
    assert float(tags["cpu_seconds"]) > trained["cpu_seconds"] > 1
    assert float(tags["stored_bytes"]) > trained["stored_bytes"] > 1000
