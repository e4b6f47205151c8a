"""Bootstrap and gate together at full size: every interval of an evaluation with a champion, and the verdict."""

import time
from collections.abc import Iterator

import numpy as np

from bench.measure import Figure
from oi_tasks.core.calibration import calibration_counts
from oi_tasks.core.gate import Candidate, Limit, Limits, Verdict, judge
from oi_tasks.core.label_scores import LabelScores
from oi_tasks.core.located_slices import Located
from oi_tasks.core.metrics import Bools, as_plain, resamples
from oi_tasks.core.openimages_map import BoxTable, ImageLabels, Judgement, Lineage
from oi_tasks.core.openimages_map import judge as judge_boxes
from oi_tasks.core.slice_regressions import SliceLimit, SliceRow
from oi_tasks.core.slices import Slice, class_slices
from oi_tasks.models.scoring import Scores

PHOTOS, CLASSES, CLUSTERS = 41_620, 76, 12  # photos of the validation split, classes of the article
ASPECTS, KINDS = 3, 6  # slices of photos and of boxes
BOXES = 200_000  # true ones, and as many found


def figures() -> Iterator[Figure]:
    """Seconds of processor time of both together, of all threads."""
    truth = np.random.default_rng(0).random((PHOTOS, CLASSES)) < 0.03
    ours, theirs = (_scores(truth, seed, wrong) for seed, wrong in ((1, 0.010), (2, 0.011)))
    began = time.process_time()
    verdict = _judged(ours, theirs)
    seconds = time.process_time() - began
    assert verdict.promote, verdict.reasons
    what = f"1,000 resamples of {PHOTOS:,} photos, {CLASSES} classes, {CLUSTERS} clusters, two models; judged"
    yield Figure("gate_and_bootstrap_seconds", seconds, 10, False, "s", what)


def _judged(ours: Scores, theirs: Scores) -> Verdict:
    """As the evaluation measures, and the gate judges."""
    drawn = resamples(PHOTOS)
    numbers = {part: as_plain(named) for part, named in ours.numbers(drawn).items()}
    theirs.numbers(drawn)
    paired = {
        f"{part}/{name}": found
        for part, named in ours.paired(theirs, drawn).items()
        for name, found in as_plain(named).items()
    }
    slices = [SliceRow.of(row) for row in ours.by_slice(theirs, drawn)]
    limits = Limits(
        {part.partition("/")[0]: {name: Limit(0.0, 0.5) for name in named} for part, named in numbers.items()},
        slices=SliceLimit(0.5, 0.05, 30),
    )
    return judge(Candidate(numbers, PHOTOS, paired, slices, champion=1), limits)


def _scores(truth: Bools, seed: int, wrong: float) -> Scores:
    """A cascade that errs in a share `wrong` of the labels, and as often where things are."""
    draw = np.random.default_rng(seed)
    classes = [f"/m/{place:02d}" for place in range(CLASSES)]
    homes = {label: f"c{place % CLUSTERS}" for place, label in enumerate(classes)}
    said, known = truth ^ (draw.random(truth.shape) < wrong), np.ones_like(truth)
    probabilities = np.where(said, 0.9, 0.1) + draw.random(truth.shape) / 20
    labels = LabelScores(classes, classes, probabilities, said, truth, known)
    hit = np.stack([truth & said, truth], axis=-1).astype(float)
    cells = hit * 100
    of_cluster = {name: [place for place in range(CLASSES) if homes[classes[place]] == name] for name in homes.values()}
    counts = {"classifier": labels.numbers()}
    counts["classifier"]["calibration_error"] = calibration_counts(probabilities, truth, known, "sigmoid")
    counts |= {f"semseg/{name}": {"mean_iou": cells[:, places]} for name, places in of_cluster.items()}
    sizes = {f"box_recall_{name}": hit.sum(1, keepdims=True) for name in ("small", "medium", "large")}
    counts["cascade"] = {"box_recall": hit, "box_precision": hit, **sizes}
    located = [
        Located("class", label, label, metric, int(truth[:, place].sum()), table[:, place])
        for place, label in enumerate(classes)
        for metric, table in (("box_recall", hit), ("mask_iou", cells))
    ]
    located += [
        Located("cluster", name, name, "mask_iou", int(truth[:, places].any(1).sum()), cells[:, places].sum(1))
        for name, places in of_cluster.items()
    ]
    aspects = np.arange(PHOTOS) % ASPECTS
    slices = class_slices(classes, classes, {}, homes)
    slices += [Slice("aspect", str(one), str(one), "f1", (aspects == one)[:, None]) for one in range(ASPECTS)]
    kinds = np.random.default_rng(0).integers(0, KINDS, truth.shape)
    slices += [Slice("boxes", str(one), str(one), "recall", kinds == one) for one in range(KINDS)]
    boxes = _boxes(classes, seed)
    return Scores([], counts, [], slices, labels, boxes, {}, [], [], None, [], located)


def _boxes(classes: list[str], seed: int) -> Judgement:
    """True boxes that are the same for every seed, and found ones near half of them."""
    same, draw = np.random.default_rng(0), np.random.default_rng(seed)
    photo, label = np.sort(same.integers(0, PHOTOS, BOXES)), same.integers(0, CLASSES, BOXES)
    corner, side = same.random((BOXES, 2)) / 2, 0.1 + same.random((BOXES, 2)) / 3
    true = np.hstack([corner, corner + side])
    moved = true + np.where(draw.random((BOXES, 1)) < 0.5, 0.0, 0.4)
    none = np.zeros(BOXES, dtype=bool)
    verified = ImageLabels(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool))
    return judge_boxes(
        BoxTable.true(photo, label, true, none),
        verified,
        BoxTable.predicted(photo, label, moved, draw.random(BOXES)),
        Lineage.of_ancestors(classes, {}),
    )
