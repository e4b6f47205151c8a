"""The boxes of one model on a split, as the numbers by which models are compared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from oi_tasks.core import metrics
from oi_tasks.core.bootstrap import Counts, Paired, Resamples, paired
from oi_tasks.core.metrics import Number
from oi_tasks.core.openimages_map import Judgement
from oi_tasks.io.shards import ShardReader, batches
from oi_tasks.models.box_counts import FORMULAS, BoxCounts
from oi_tasks.models.box_rules import FoundBox
from oi_tasks.models.detections import BATCH, Truth, map_with_interval, paired_map
from oi_tasks.models.predictor import Predictor

Found = Sequence[Sequence[FoundBox]]


@dataclass(frozen=True)
class BoxScores:
    """Counts per photo by number, and the judgement of all boxes."""

    counts: dict[str, Counts]
    detection: Judgement

    @classmethod
    def of(cls, reader: ShardReader, truth: Truth, places: Sequence[int], found: Found, chosen: Found) -> "BoxScores":
        """Of boxes by row of the split: all `found`, for the detection metric, and those `chosen` as the answer."""
        counts = BoxCounts(reader, places)
        for row, boxes in enumerate(chosen):
            counts.add(row, reader.boxes(row), boxes)
        return cls(counts.numbers(), truth.judge(found))

    def numbers(self, drawn: Resamples) -> dict[str, Number]:
        """Each number with its interval."""
        found = {name: metrics.with_interval(kept, FORMULAS[name], drawn) for name, kept in self.counts.items()}
        return {"map": map_with_interval(self.detection, drawn), **found}

    def paired(self, other: "BoxScores", drawn: Resamples) -> dict[str, Paired]:
        """Our numbers and the other's on the same photos."""
        found = {name: paired(kept, other.counts[name], FORMULAS[name], drawn)[0] for name, kept in self.counts.items()}
        return {"map": paired_map(self.detection, other.detection, drawn), **found}


def boxes_by_row(
    model: Predictor, reader: ShardReader, progress: Callable[[int], object]
) -> list[tuple[FoundBox, ...]]:
    """The boxes that a model finds in each row of a split."""
    rows = {image_id: row for row, image_id in enumerate(reader.table["id"])}
    found: list[tuple[FoundBox, ...]] = [()] * len(reader)
    for samples in batches(reader, BATCH):
        for sample, said in zip(samples, model.predict_images([sample.image for sample in samples]), strict=True):
            found[rows[sample.id]] = said.boxes
        progress(len(samples))
    return found
