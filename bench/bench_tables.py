"""A box file to checked Parquet partitions with counts, against a bare polars sink and against pandas.

`OI_BENCH_BOXES` is the number of boxes: 1,000,000, unless it is set; V4's training file has 14,610,229. Each run is a
process of its own, so that its peak of memory is its own.
"""

import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.box_rows import write_boxes
from bench.measure import REPEATS, Figure, alone

BOXES = int(os.environ.get("OI_BENCH_BOXES", "1000000"))
FEW = 15  # the small file has so many times fewer


def figures() -> Iterator[Figure]:
    """Time against the sink and pandas, and the peak of memory, of the large file and of a small one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_boxes(folder / "boxes.csv", BOXES)
        write_boxes(folder / "few.csv", BOXES // FEW)
        rounds = [(_run(ours, folder / "boxes.csv"), _run(sink, folder / "boxes.csv")) for _ in range(REPEATS)]
        told = f"of a bare streaming CSV to Parquet sink of the same {BOXES:,} rows"
        yield Figure("tables_seconds", statistics.median(a[0] / b[0] for a, b in rounds), 2.0, False, "x", told)
        yield Figure("tables_peak", max(a[1] for a, _ in rounds) / 1e9, 1.5, False, "GB", "of memory, at most")
        small = _run(ours, folder / "few.csv")[1]
        grown = statistics.median(a[1] for a, _ in rounds) / small
        yield Figure("tables_peak_grown", grown, 3.0, False, "x", f"of the peak for {BOXES // FEW:,} rows")
        against = statistics.median(a[0] for a, _ in rounds) / _run(pandas_alone, folder / "boxes.csv")[0]
        yield Figure("tables_pandas", against, 1.0, False, "x", "of pandas reading the CSV and no more")


def ours(path: Path, out: Path) -> None:
    """What the step does with the box file."""
    from oi_tasks.io.tables import Rows, open_table, write_partitions, write_whole
    from oi_tasks.jobs.tables import count_labels

    boxes = write_partitions(Rows("boxes", [open_table(path, "boxes", path.name)]), out / "boxes")
    write_whole(Rows("image_labels", []), out / "none.parquet")
    count_labels(boxes, [out / "none.parquet"] * len(boxes)).write_parquet(out / "counts.parquet")


def sink(path: Path, out: Path) -> None:
    """The bare sink: nothing is checked, counted or partitioned."""
    import polars as pl

    from oi_tasks.io.tables import BOXES as SCHEMA

    pl.scan_csv(path, schema=SCHEMA).sink_parquet(out / "boxes.parquet")


def pandas_alone(path: Path, out: Path) -> None:
    """Pandas reading the file."""
    import pandas as pd

    pd.read_csv(path)


def _run(work: Callable[[Path, Path], None], path: Path) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as out:
        return alone(work, path, Path(out), ready=_import_pandas)


def _import_pandas() -> None:
    """So that every process holds what the peer's does, and none is timed while it imports."""
    import pandas  # noqa: F401
