"""The partitions of the boxes, judged side by side in processes of their own, and put together exactly.

All that is said of boxes are counts of rows and examples in order, so the parts add up to what one process would say of
the whole table.
"""

import itertools
import multiprocessing
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from oi_tasks.quality import forms
from oi_tasks.quality.engine import Engine
from oi_tasks.quality.findings import TableJudged
from oi_tasks.quality.outcomes import Tally
from oi_tasks.quality.suites import Suite
from oi_tasks.quality.table import TableInspection

ENOUGH = 1_000_000
"""Rows from which a second process is worth its start, about 4 s on one core."""


@dataclass(frozen=True)
class Partitions:
    """Some partitions of the boxes, and all that their judgement needs: files, so that a process can be given it.

    `status` has ImageID, photo, width, height, one row a photo; `known` all MIDs as LabelName; either may be None when
    it is not known. `image_labels` is the clean table. Clean partitions are written to `out`, by their names, and what
    is set apart to `quarantine`.
    """

    number: int
    suite: Suite
    parameters: Mapping[str, float]
    files: Mapping[str, Path]
    status: Path | None
    known: Path | None
    image_labels: Path
    out: Path
    quarantine: Path

    def split(self, parts: int) -> Iterator["Partitions"]:
        """The same in so many runs of neighbours, as even as can be."""
        names = list(self.files)
        bounds = [round(part * len(names) / parts) for part in range(parts + 1)]
        for number, (begin, end) in enumerate(itertools.pairwise(bounds)):
            yield replace(self, number=number, files={name: self.files[name] for name in names[begin:end]})


Part = tuple[TableJudged, list[Tally]]


def judge_side_by_side(partitions: Partitions, workers: int | None = None) -> Iterable[Part]:
    """Judge all partitions, in `workers` processes (as many as are worth it), in order."""
    wanted = min(workers or _worth(partitions.files.values()), len(partitions.files))
    if wanted <= 1:
        return [judge_partitions(partitions)]
    # Read by the allocator of polars when a process starts: what is free goes back to the system at once.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
    # A process that is forked from one with threads (polars has some) may stand still for ever.
    with ProcessPoolExecutor(wanted, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(judge_partitions, partitions.split(wanted)))


def judge_partitions(partitions: Partitions) -> Part:
    """Judge some partitions, one at a time, which bounds memory."""
    run = Engine(partitions.parameters).suite_run(partitions.suite)
    table = TableInspection(partitions.suite, run, partitions.quarantine, partitions.number)
    status = pl.scan_parquet(partitions.status) if partitions.status else None
    known = pl.read_parquet(partitions.known)["LabelName"] if partitions.known else None
    absent = forms.verified_absent(pl.scan_parquet(partitions.image_labels))

    def derive(frame: pl.DataFrame) -> pl.DataFrame:
        repeated = forms.with_repeated(frame, *forms.BOX)
        photos = status if status is None else _near(status, frame)
        return forms.with_thin(forms.with_denied(forms.with_photo_and_label(repeated, photos, known), absent))

    for name, path in partitions.files.items():
        table.take(pl.read_parquet(path), derive).write_parquet(partitions.out / name)
    return table.part()


def _near(photos: pl.LazyFrame, boxes: pl.DataFrame) -> pl.DataFrame:
    """The photos whose ids lie between those of the boxes: of a partition by the id's first digit, one in sixteen."""
    ids = boxes["ImageID"]
    return photos.filter(pl.col("ImageID").is_between(pl.lit(ids.min()), pl.lit(ids.max()))).collect()


def _worth(files: Iterable[Path]) -> int:
    rows = sum(int(pl.scan_parquet(path).select(pl.len()).collect().item()) for path in files)
    return max(1, min(_processors(), rows // ENOUGH))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
