"""The model card of a cascade: what stands in the registry as the description of its version, in Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LONGEST = 5000  # characters: MLflow's column for a description holds no more on PostgreSQL
FIGURES = ("classifier", "cascade")  # whose figures all stand in the card; of a cluster its mean_iou alone
Numbers = Mapping[str, Mapping[str, Mapping[str, float | None]]]  # by part and name: value, low, high


@dataclass(frozen=True)
class Card:
    """What is known of a version; `snapshot` is empty where the dataset does not tell."""

    model: str
    version: int
    snapshot: str
    dataset: str
    classes: Sequence[str]
    clusters: Sequence[str]
    test_photos: int
    numbers: Numbers
    errors: str

    def markdown(self) -> str:
        """The card, names of classes left out at the end where it would be longer than the registry takes."""
        spare = LONGEST - len(self._text([]))
        names: list[str] = []
        for name in self.classes:
            spare -= len(name) + 2
            if spare < len("… and 10000 more"):
                break
            names.append(name)
        return self._text(names)

    def _text(self, names: Sequence[str]) -> str:
        left = len(self.classes) - len(names)
        listed = ", ".join([*names, *([f"… and {left} more"] if left else [])])
        clusters = ", ".join(self.clusters) or "none: it finds no boxes"
        return f"""\
**Data**: snapshot `{self.snapshot or "unknown"}`, dataset `{self.dataset}`.

**Classes** ({len(self.classes)}): {listed}.

**Clusters** ({len(self.clusters)}): {clusters}.

**Figures** on the {self.test_photos:,} test photos of the dataset, with the 95 % interval over photos:

| part | figure | value | interval |
|---|---|---|---|
{self._figures()}
Where it errs: `{self.errors}`.

**Limits**: it knows these classes alone; anything else it takes for one of them, or for nothing. The figures hold for
photos like those of the snapshot; `oi evaluate FOLDER` measures on yours. Boxes come from coarse masks: objects of a
class that touch may get one box.

**To use it**:
```python
import mlflow, pandas
model = mlflow.pyfunc.load_model("models:/{self.model}/{self.version}")
print(model.predict(pandas.DataFrame({{"photo": [open("photo.jpg", "rb").read()]}})))
```
or `oi predict photo.jpg --model models:/{self.model}/{self.version}`.
"""

    def _figures(self) -> str:
        rows = [
            (part, name, _shown(found.get("value")), f"{_shown(found.get('low'))} to {_shown(found.get('high'))}")
            for part, named in sorted(self.numbers.items())
            for name, found in named.items()
            if part in FIGURES or name == "mean_iou"
        ]
        return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
