"""Model cards: what stands in the registry as the description of a version, in Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from oi_tasks.reports.numbers import NAMES, interval

LONGEST = 5000  # characters: MLflow's column for a description holds no more on PostgreSQL
HEADLINE = (("macro F1", "classifier", "macro_f1"), ("mAP", "cascade", "map"))  # as called, by part and figure
FIGURES = ("classifier", "cascade")  # whose figures all stand in the card; of a cluster its mean_iou alone
# Of each kind of part: what it says of a photo, and how it is called.
PARTS = {
    "classifier": ("which classes a photo shows", "`oi evaluate FOLDER --model {address}`"),
    "semseg": ("in which cells of a photo the classes of its cluster are", "a version of `oi-cascade` calls it"),
    "detector": ("boxes of all its classes, in one stage", "`oi predict photo.jpg --model {address}`"),
}
MODELS = {
    "cascade": "The whole: a classifier says which classes a photo shows, masks of the clusters that it calls say"
    " where, and boxes are made of the masks. `champion` is the version in use, `previous` the one before it."
    " `oi_retrain` moves them to what passes its gate, `oi_rollback` moves them back.",
    "classifier": "The first part of `oi-cascade`: which classes a photo shows.",
    "semseg": "A part of `oi-cascade`: in which cells of a photo the classes of the cluster `{cluster}` are.",
    "detector": "Boxes of all classes in one stage, to compare `oi-cascade` with. `candidate` is the newest version;"
    " none is ever promoted.",
}
"""What a model is, by the kind in its name."""
Numbers = Mapping[str, Mapping[str, Mapping[str, float | None]]]  # by part and name: value, low, high


def about(model: str) -> str:
    """What stands in the registry as the description of a model, whatever its version."""
    _, kind, *cluster = model.split("-", 2)
    said = MODELS[kind].format(cluster="".join(cluster))
    alias = "candidate" if kind == "detector" else "champion"
    return (
        f"{said}\n\nEach version has a card: its data, classes and figures. `models:/{model}@{alias}` is its address."
    )


def as_metrics(numbers: Mapping[str, Mapping[str, float | None]]) -> dict[str, float]:
    """An evaluation's numbers, by part and name, as MLflow's pages sort them: what matters most comes first.

    `headline/` is the same in every evaluation, whatever its clusters: `mean_iou` there is the mean over them.
    """
    measured = {
        f"parts/{part}/{name}": value
        for part, named in sorted(numbers.items())
        for name, value in named.items()
        if value is not None
    }
    first = {
        f"headline/{name}": value
        for _, part, name in HEADLINE
        if (value := measured.get(f"parts/{part}/{name}")) is not None
    }
    masks = [
        value for name, value in measured.items() if name.startswith("parts/semseg/") and name.endswith("/mean_iou")
    ]
    return first | ({"headline/mean_iou": sum(masks) / len(masks)} if masks else {}) | measured


@dataclass(frozen=True)
class Card:
    """What is known of a version of a cascade; `snapshot` is empty where the dataset does not tell."""

    model: str
    version: int
    snapshot: str
    dataset: str
    classes: Sequence[str]
    clusters: Sequence[str]
    test_photos: int
    numbers: Numbers
    errors: str
    """Where the page of its errors stands: an address, or its place in the store."""

    def markdown(self) -> str:
        """The card, names of classes left out at the end where it would be longer than the registry takes."""
        return self._text(listed(self.classes, LONGEST - len(self._text(""))))

    def _text(self, names: str) -> str:
        clusters = ", ".join(self.clusters) or "none: it finds no boxes"
        return f"""\
{self._sentence()}

**Data**: snapshot `{self.snapshot or "unknown"}`, dataset `{self.dataset}`.

**Classes** ({len(self.classes)}): {names}.

**Clusters** ({len(self.clusters)}): {clusters}.

**Figures** on the {self.test_photos:,} test photos of the dataset, with the 95 % interval over photos:

{self._figures()}
Where it errs: {f"[the error analysis]({self.errors})" if "://" in self.errors else f"`{self.errors}`"}.

**Limits**: it knows these classes alone; anything else it takes for one of them, or for nothing. The figures hold for \
photos like those of the snapshot; `oi evaluate FOLDER` measures on yours. Boxes come from coarse masks: objects of a \
class that touch may get one box.

**To use it**:
```python
import mlflow, pandas
model = mlflow.pyfunc.load_model("models:/{self.model}/{self.version}")
print(model.predict(pandas.DataFrame({{"photo": [open("photo.jpg", "rb").read()]}})))
```
or `oi predict photo.jpg --model models:/{self.model}/{self.version}`.
"""

    def _sentence(self) -> str:
        """The version and its two figures that matter most, as far as they are known."""
        known = [
            f"{called} {value:.3f}"
            for called, part, name in HEADLINE
            if (value := self.numbers.get(part, {}).get(name, {}).get("value")) is not None
        ]
        return f"Version {self.version}: {', '.join(known) or 'nothing measured'} on {self.test_photos:,} test photos."

    def _figures(self) -> str:
        kept = {
            part: [f"{NAMES.get(name, name)} {interval(found)}" for name, found in named.items() if _told(part, name)]
            for part, named in sorted(self.numbers.items())
        }
        return "".join(f"- {part}: {'; '.join(figures)}\n" for part, figures in kept.items() if figures)


@dataclass(frozen=True)
class PartCard:
    """What is known of a version of a part of the cascade, or of the detector, when its training has ended."""

    model: str
    version: int
    kind: Literal["classifier", "semseg", "detector"]
    what: str
    """The network: its backbone, and what stands on it."""
    summary: str
    snapshot: str
    dataset: str
    classes: Sequence[str]
    canvases: Mapping[str, tuple[int, int]]
    """Width and height in pixels, by aspect bin."""
    metrics: Mapping[str, float]

    def markdown(self) -> str:
        """The card, names of classes left out at the end where it would be longer than the registry takes."""
        return self._text(listed(self.classes, LONGEST - len(self._text(""))))

    def _text(self, names: str) -> str:
        says, use = PARTS[self.kind]
        canvases = ", ".join(f"{width}×{height}" for width, height in self.canvases.values())
        figures = "".join(
            f"- {NAMES.get(name, name)} {value:.3f}\n" for name, value in self.metrics.items() if "/" not in name
        )
        return f"""\
{self.summary}.

**What it says**: {says}.

**Network**: {self.what}; photos on canvases of {canvases} pixels.

**Data**: snapshot `{self.snapshot or "unknown"}`, dataset `{self.dataset}`.

**Classes** ({len(self.classes)}): {names}.

**Figures** on the tune photos, which set its thresholds and so flatter it; an evaluation has those on test photos:

{figures}
**To use it**: {use.format(address=f"models:/{self.model}/{self.version}")}.
"""


def listed(names: Sequence[str], room: int) -> str:
    """Names after commas, as many as there is room for in characters, and how many more there are."""
    taken: list[str] = []
    for name in names:
        room -= len(name) + 2
        if room < len("… and 10000 more"):
            break
        taken.append(name)
    left = len(names) - len(taken)
    return ", ".join([*taken, *([f"… and {left} more"] if left else [])])


def _told(part: str, name: str) -> bool:
    return part in FIGURES or name == "mean_iou"
