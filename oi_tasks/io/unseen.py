"""Test photos of one dataset that a model trained on others has not seen."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from oi_tasks.errors import BadInput
from oi_tasks.io.class_map import moved_labels
from oi_tasks.io.outputs import Output, Outputs
from oi_tasks.io.shards import SAMPLES, ShardReader

FEWEST = 20  # photos; fewer compare nothing, as in the gate's usual `min_test_photos`
GONE = "not_found"  # the code of the error when an output is gone


class LeftOut(Exception):
    """There are no photos to compare on; the text says why, for people."""


@dataclass(frozen=True)
class Unseen:
    """The photos, and how many of the `test_photos` of their dataset are not among them: those that were `seen`."""

    reader: ShardReader
    test_photos: int
    seen: int


def unseen_test_photos(outputs: Outputs, dataset: str, own: str, trained_on: Iterable[str]) -> Unseen:
    """The test photos of a dataset that stand in no train or tune split of what a model was trained on.

    All are ids of datasets (shards); `own` is the model's. A photo is the same if its id or its bytes are. Raises
    LeftOut where a dataset is gone, the class maps or the sizes of photos differ, or fewer than FEWEST photos remain;
    other OiErrors where what is stored cannot be read.
    """
    theirs = _dataset(outputs, dataset, f"the champion's dataset {dataset} is gone")
    ours = _dataset(outputs, own, f"the candidate's dataset {own} is gone")
    reader = ShardReader(theirs, "test")
    _demand_alike(outputs, reader, ShardReader(ours, "test"))
    seen = pl.concat([_seen(outputs, one) for one in sorted(set(trained_on))])
    kept = reader.table.with_row_index("row").filter(
        ~pl.col("id").is_in(seen["id"].implode()), ~pl.col("sha256").is_in(seen["sha256"].implode())
    )
    if kept.height < FEWEST:
        text = f"the candidate was not trained on {kept.height} of the {len(reader)} test photos of {dataset}"
        raise LeftOut(f"{text}; at least {FEWEST} are needed")
    return Unseen(reader.select(kept["row"].to_numpy()), len(reader), len(reader) - kept.height)


def _dataset(outputs: Outputs, dataset: str, gone: str) -> Output:
    try:
        return outputs.get("shards", dataset)
    except BadInput as error:
        if error.code != GONE:
            raise
        raise LeftOut(gone) from None


def _demand_alike(outputs: Outputs, theirs: ShardReader, ours: ShardReader) -> None:
    """What two datasets must share so that photos of one are a fair question to a model of the other."""
    if [entry.label for entry in theirs.index.classes] != [entry.label for entry in ours.index.classes]:
        raise LeftOut(f"the class map of {theirs.dataset.id} has other classes")
    if moved := moved_labels(outputs, theirs.dataset, ours.dataset):
        more = f" and {len(moved) - 1} more" if len(moved) > 1 else ""
        raise LeftOut(f"the class map of {theirs.dataset.id} puts {moved[0]}{more} elsewhere")
    if theirs.index.canvases != ours.index.canvases:
        raise LeftOut(f"the photos of {theirs.dataset.id} are stored in other sizes")


def _seen(outputs: Outputs, dataset: str) -> pl.DataFrame:
    """The photos of a dataset that a training reads, `id` and `sha256`: train, and tune, which sets thresholds."""
    found = _dataset(outputs, dataset, f"it is not known what the candidate was trained on: dataset {dataset} is gone")
    samples = pl.read_parquet(found.local(SAMPLES), columns=["id", "sha256", "split"])
    return samples.filter(pl.col("split") != "test").select("id", "sha256")
