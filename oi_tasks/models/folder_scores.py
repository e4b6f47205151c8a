"""A model on a folder of photos that it has not seen, and what is told of that."""

from collections.abc import Callable
from typing import Any

import numpy as np

from oi_tasks.core import metrics
from oi_tasks.core.bootstrap import Resamples
from oi_tasks.core.calibration import calibration
from oi_tasks.core.label_scores import FORMULAS, LabelScores
from oi_tasks.io.folder import ReleaseFolder
from oi_tasks.models.cascade import Cascade
from oi_tasks.models.predictor import Predictor

BATCH = 64


def score_folder(model: Predictor, release: ReleaseFolder, advance: Callable[[int], object]) -> LabelScores:
    """What a detector, or a cascade's classifier, says of each sample of the folder, in its order."""
    meta, samples = model.meta, release.samples.with_row_index("row").sort("bin", "row")
    alone = Cascade((model.classifier, meta), {}, model.pinned) if isinstance(model, Cascade) else model
    probabilities = np.zeros((samples.height, len(meta.classes)))
    for part in samples.select("row", "ImageID").iter_slices(BATCH):
        found = alone.predict([release.photo(image_id) for image_id in part["ImageID"]])
        probabilities[part["row"].to_numpy()] = [one.probabilities for one in found]
        advance(part.height)
    present, absent = (_flags(release, column, len(meta.classes)) for column in ("present", "absent"))
    known = np.ones_like(present) if meta.unverified == "negative" else present | absent
    return LabelScores(meta.classes, meta.names, probabilities, meta.decide(probabilities), present, known)


def _flags(release: ReleaseFolder, column: str, classes: int) -> metrics.Bools:
    flags = np.zeros((release.samples.height, classes), dtype=bool)
    for row, places in enumerate(release.samples[column]):
        flags[row, places.to_list()] = True
    return flags


def document(scores: LabelScores, release: ReleaseFolder, model: str) -> dict[str, Any]:
    """The figures as JSON: `top1_accuracy`, `macro_f1`, `micro_f1`, each with its 95 % interval in `intervals`;
    `classes`, one row each; `calibration`; which photos were scored, and what was left out. None: no photo to tell by.
    """
    drawn = Resamples(len(scores.present))
    found = metrics.as_plain(
        {name: metrics.with_interval(counts, FORMULAS[name], drawn) for name, counts in scores.numbers().items()}
    )
    return {
        "model": model,
        "folder": str(release.folder),
        "split": release.split,
        "photos": len(scores.present),
        "photos_of_one_class": int((scores.present.sum(1) == 1).sum()),
        **{name: found[name]["value"] for name in FORMULAS},
        "intervals": {name: [found[name]["low"], found[name]["high"]] for name in FORMULAS},
        "classes": scores.rows(),
        "calibration": calibration(scores.probabilities, scores.present, scores.known).as_plain(),
        "left_out": {
            "unreadable_photos": release.unreadable,
            "photos_without_a_class": release.unlabelled,
            "labels_without_a_class": release.uncovered,
            "photos_missing": release.missing,
            "lines_unreadable": release.bad_lines,
        },
    }
