"""Classifiers that were trained on different data, scored on the same photos, classes and truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from oi_tasks.core.label_scores import FORMULAS, LabelScores
from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Output
from oi_tasks.io.said import TUNE, Said
from oi_tasks.io.shards import ShardReader
from oi_tasks.models.saved import META, ModelMeta


@dataclass(frozen=True)
class Trial:
    """A trained classifier, and what it says of the tune photos."""

    meta: ModelMeta
    said: Said

    @classmethod
    def of(cls, trained: Output) -> Self:
        """That of a training's output."""
        return cls(ModelMeta.model_validate(trained.read_json(META)), Said.read(trained.local(TUNE)))


@dataclass(frozen=True)
class Truth:
    """What is known of photos: which of the classes they show (N, C), and for which that is known."""

    ids: list[str]
    classes: tuple[str, ...]
    present: NDArray[np.bool_]
    known: NDArray[np.bool_]

    @classmethod
    def of(cls, dataset: Output) -> Self:
        """That of the tune photos of a dataset."""
        reader = ShardReader(dataset, "tune")
        classes = tuple(entry.label for entry in reader.index.classes)
        return cls(reader.ids(np.arange(len(reader))), classes, reader.known("present"), reader.verified())


@dataclass(frozen=True)
class Shared:
    """How much the trials that are compared have in common."""

    photos: int
    classes: int


def compare(groups: Sequence[Mapping[int, Trial]], truth: Truth) -> tuple[Shared, list[dict[int, dict[str, float]]]]:
    """Score groups of trials on the photos and classes that all of them and the truth have: numbers by group and seed.

    What is no number, such as the F1 of classes that no photo shows, is left out. Raises BadInput when they have no
    class in common.
    """
    trials = [trial for group in groups for trial in group.values()]
    scored = [set(trial.said.ids) for trial in trials]
    ids = [one for one in truth.ids if all(one in there for there in scored)]
    classes = [label for label in truth.classes if all(label in trial.meta.classes for trial in trials)]
    if not classes:
        raise BadInput("a variant and the base have no class in common", code="not_comparable")
    cells = np.ix_(_places(truth.ids, ids), _places(truth.classes, classes))
    present, known = truth.present[cells], truth.known[cells]

    def numbers(trial: Trial) -> dict[str, float]:
        cells = np.ix_(_places(trial.said.ids, ids), _places(trial.meta.classes, classes))
        probabilities, named = trial.said.probabilities[cells], trial.meta.decide(trial.said.probabilities)[cells]
        scores = LabelScores(classes, classes, probabilities, named, present, known)
        found = {name: float(FORMULAS[name](counts.sum(0))) for name, counts in scores.numbers().items()}
        return {name: value for name, value in found.items() if not np.isnan(value)}

    shared = Shared(len(ids), len(classes))
    return shared, [{seed: numbers(trial) for seed, trial in group.items()} for group in groups]


def _places(among: Sequence[str], wanted: Sequence[str]) -> NDArray[np.int64]:
    """Where each of the wanted stands."""
    place = {name: index for index, name in enumerate(among)}
    return np.array([place[name] for name in wanted], np.int64)
