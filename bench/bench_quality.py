"""Validation of boxes, every rule and every row, against a bare pandas pass over the same rows.

`OI_BENCH_BOXES` is the number of boxes; 14610229 is the whole of Open Images V4.
"""

import os
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import psutil

from bench.measure import Figure, seconds
from oi_tasks.quality.partitions import Partitions, judge_side_by_side
from oi_tasks.quality.suites import expectations_folder, load_suites

BOXES = int(os.environ.get("OI_BENCH_BOXES", "2000000"))
BOXES_A_PHOTO = 8.4  # as in Open Images V4
LABELS = 601
WORKERS = 2
MOST_SECONDS = 40 / 14_610_229  # a box, on 2 cores
MOST_BYTES = 2e9


def figures() -> Iterator[Figure]:
    """How many bare passes the judgement takes, seconds as a share of what is allowed, and memory of all processes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        partitions = _partitions(folder)
        peak = _Peak()
        with peak:
            began = _processor_seconds()
            ours = seconds(lambda: list(judge_side_by_side(partitions, WORKERS)), lambda: None)
            used = _processor_seconds() - began
        began = time.process_time()
        bare = seconds(lambda: _bare(partitions), lambda: None)
        bare_used = time.process_time() - began
    boxes = f"{BOXES:,} boxes, {len(partitions.suite.expectations)} expectations, {WORKERS} processes"
    yield Figure("quality_against_pandas", ours / bare, 2, False, "x", f"plain pandas, one process; {boxes}")
    yield Figure("quality_processor_time", used / bare_used, 3, False, "x", "the same, in seconds of a processor")
    text = f"{ours:.1f} s, {used:.1f} s of a processor; {boxes}"
    yield Figure("quality_seconds_allowed", ours / BOXES / MOST_SECONDS, 1, False, "x", text)
    yield Figure("quality_memory_allowed", peak.bytes / MOST_BYTES, 1, False, "x", f"{peak.bytes / 1e9:.2f} GB in all")


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Peak:
    """The most memory that this process's children held at one time, while it is open."""

    def __init__(self) -> None:
        self.bytes = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        own = psutil.Process()
        while not self._end.is_set():
            held = 0
            for child in own.children(recursive=True):
                try:
                    held += child.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.bytes = max(self.bytes, held)
            time.sleep(0.05)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self.bytes = max(self.bytes, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)


def _partitions(folder: Path) -> Partitions:
    """Boxes as in a release, a few of them with a fault, in 16 partitions; photos and image labels to go with them."""
    random = np.random.default_rng(0)
    photos = int(BOXES / BOXES_A_PHOTO)
    for place in ("in/boxes", "out/boxes", "quarantine"):
        (folder / place).mkdir(parents=True)
    mids = np.array([f"/m/0{number:05x}" for number in range(LABELS)])
    ids = []
    for digit in range(16):
        own = np.array([f"{digit:x}{number:015x}" for number in range(photos // 16)])
        ids.append(own)
        table = _boxes(random, own, mids, BOXES // 16)
        table.write_parquet(folder / "in" / "boxes" / f"{digit:x}.parquet")
    every = np.concatenate(ids)
    size = pl.lit(1024, dtype=pl.Int32), pl.lit(768, dtype=pl.Int32)
    status = pl.DataFrame({"ImageID": every}).with_columns(photo=pl.lit("good"), width=size[0], height=size[1])
    status.write_parquet(folder / "status.parquet")
    pl.DataFrame({"LabelName": mids}).write_parquet(folder / "known.parquet")
    said = pl.DataFrame(
        {
            "ImageID": every,
            "LabelName": random.choice(mids, len(every)),
            "Confidence": random.integers(0, 2, len(every)),
        }
    )
    said.with_columns(Source=pl.lit("verification")).write_parquet(folder / "image_labels.parquet")
    files = {f"boxes/{path.name}": path for path in sorted((folder / "in" / "boxes").iterdir())}
    return Partitions(
        number=0,
        suite=load_suites(expectations_folder())["boxes"],
        parameters={"mostly": 0.999, "max_quarantined": 0.001},
        files=files,
        status=folder / "status.parquet",
        known=folder / "known.parquet",
        image_labels=folder / "image_labels.parquet",
        out=folder / "out",
        quarantine=folder / "quarantine",
    )


def _boxes(random: np.random.Generator, ids: np.ndarray, mids: np.ndarray, count: int) -> pl.DataFrame:
    left, top = random.uniform(0, 0.7, count), random.uniform(0, 0.7, count)
    right = left + random.uniform(0.01, 0.29, count)
    right[:: count // 5] = left[:: count // 5]
    flags = {
        name: random.integers(-1, 2, count).astype(np.int8)
        for name in ("IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside")
    }
    return pl.DataFrame(
        {
            "ImageID": np.sort(random.choice(ids, count)),
            "Source": np.full(count, "xclick"),
            "LabelName": random.choice(mids, count),
            "Confidence": np.ones(count),
            "XMin": left,
            "XMax": right,
            "YMin": top,
            "YMax": top + random.uniform(0.01, 0.29, count),
            **flags,
        }
    )


def _bare(partitions: Partitions) -> int:
    """What a script would do: the same rules in plain pandas, partition by partition, nothing written."""
    status = pd.read_parquet(partitions.status)
    known = set(pd.read_parquet(partitions.known)["LabelName"])
    said = pd.read_parquet(partitions.image_labels)
    absent = said[said["Confidence"] == 0][["ImageID", "LabelName"]].assign(denied=True)
    bad = 0
    for path in partitions.files.values():
        boxes = pd.read_parquet(path).merge(status, on="ImageID", how="left")
        boxes = boxes.merge(absent, on=["ImageID", "LabelName"], how="left")
        sides = boxes[["XMin", "XMax", "YMin", "YMax"]]
        bad += int(sides.isna().any(axis=1).sum() + ((sides < 0) | (sides > 1)).any(axis=1).sum())
        bad += int((boxes["XMin"] >= boxes["XMax"]).sum() + (boxes["YMin"] >= boxes["YMax"]).sum())
        bad += int(((boxes["XMax"] - boxes["XMin"]) * boxes["width"] < 1).sum())
        bad += int(((boxes["YMax"] - boxes["YMin"]) * boxes["height"] < 1).sum())
        bad += int((~boxes["ImageID"].str.match("^[0-9a-f]{16}$")).sum() + (~boxes["LabelName"].isin(known)).sum())
        bad += int(boxes["photo"].isna().sum() + boxes["denied"].notna().sum())
        bad += int(boxes.duplicated(["ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax"]).sum())
        for flag in ("IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside"):
            bad += int((~boxes[flag].isin([-1, 0, 1])).sum())
        bad += int((~boxes["Confidence"].between(0, 1)).sum())
    return bad
