"""Shards: tars of photos at training size with what is known of them, in webdataset's layout.

A sample is two members of a tar, `<ImageID>.jpg` and `<ImageID>.json`. `samples.parquet` says the same as the JSON
members for all samples at once, and where each photo's bytes lie, so that a reader needs no pass over the tars.
"""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict

from oi_tasks.errors import BadInput
from oi_tasks.io.ahead import map_ahead
from oi_tasks.io.outputs import Output
from oi_tasks.io.shard_cache import ShardCache

SPLITS = ("train", "tune", "test")
INDEX, SAMPLES = "index.json", "samples.parquet"
TAR_HEADER = 512  # bytes before a member's own
THREADS = 4
AHEAD = 64  # decoded photos that wait for their reader


class ClassEntry(BaseModel):
    """One output of the classifier."""

    model_config = ConfigDict(frozen=True)
    index: int
    label: str  # the MID that it stands for
    name: str


class ClusterEntry(BaseModel):
    """Classes that share a segmentation model."""

    model_config = ConfigDict(frozen=True)
    name: str  # a slug
    title: str
    classes: tuple[str, ...]  # MIDs
    trained: bool


class DatasetIndex(BaseModel):
    """What `index.json` says of a dataset. Canvases are (width, height) in pixels; counts are photos."""

    model_config = ConfigDict(frozen=True)
    canvases: dict[str, tuple[int, int]]
    classes: tuple[ClassEntry, ...]
    clusters: tuple[ClusterEntry, ...]
    unverified: Literal["ignore", "negative"]
    counts: dict[str, dict[str, int]]  # by split and bin

    def positions(self, mids: Iterable[str]) -> list[int]:
        """Indexes of classes, in the order of their MIDs."""
        index = {entry.label: entry.index for entry in self.classes}
        return [index[mid] for mid in mids]

    def cluster(self, name: str) -> ClusterEntry:
        """A cluster by its slug. Raises BadInput when there is none, or it has too few photos to train."""
        trained = {entry.name: entry for entry in self.clusters if entry.trained}
        if name not in trained:
            fix = f"choose one of {', '.join(trained) or 'none: no cluster has enough photos'}"
            raise BadInput(f"the dataset trains no cluster {name!r}", fix=fix, code="not_found")
        return trained[name]


@dataclass(frozen=True)
class Sample:
    """A photo on its bin's canvas, and what is known of it."""

    id: str
    bin: str
    image: NDArray[np.uint8]
    """(H, W, 3), RGB: the whole photo squashed to the canvas, so that normalised boxes stay true."""
    present: list[int]
    absent: list[int]
    boxes: list[dict[str, Any]]
    """Of each: `class`, `box` [XMin, YMin, XMax, YMax], and the flags `group`, `occluded`, `truncated`, `depiction`."""
    width: int
    height: int


def write_shard(path: Path, samples: Iterable[tuple[bytes, dict[str, Any]]]) -> list[tuple[int, int]]:
    """Write JPEG bytes and facts (with their `id`) as one tar; equal samples make equal bytes.

    Returns offset and size in bytes of each photo in the tar.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    places = []
    with path.open("wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for jpeg, facts in samples:
            places.append((file.tell() + TAR_HEADER, len(jpeg)))
            for ending, data in (("jpg", jpeg), ("json", json.dumps(facts, separators=(",", ":")).encode())):
                member = tarfile.TarInfo(f"{facts['id']}.{ending}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return places


@dataclass(frozen=True)
class Places:
    """Where the photos of a reader lie: (N,) number of the shard, offset and size in bytes."""

    names: list[str]
    shards: NDArray[np.int32]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int32]


class ShardReader:
    """The samples of one split, in stored order, which is a fixed shuffle. Safe to use from several threads.

    Shards are fetched when a photo of theirs is first read, and held in a cache, which readers may share.
    """

    def __init__(
        self, dataset: Output, split: str, bins: Iterable[str] | None = None, cache: ShardCache | None = None
    ) -> None:
        if split not in SPLITS:
            raise BadInput(f"there is no split {split!r}", fix=f"choose one of {', '.join(SPLITS)}", code="usage")
        self.dataset, self.split = dataset, split
        self.index = DatasetIndex.model_validate(dataset.read_json(INDEX))
        wanted = tuple(self.index.canvases if bins is None else bins)
        self.table = pl.read_parquet(dataset.local(SAMPLES)).filter(
            pl.col("split") == split, pl.col("bin").is_in(wanted)
        )
        self.cache = cache or ShardCache(dataset)

    def __len__(self) -> int:
        return self.table.height

    def select(self, rows: NDArray[np.int64]) -> "ShardReader":
        """The same reader over some of its rows, in that order."""
        chosen = copy(self)
        chosen.table = self.table[rows]
        chosen.__dict__.pop("places", None)
        return chosen

    @cached_property
    def places(self) -> "Places":
        """Where the photos lie, by row."""
        names = self.table["shard"].unique().sort()
        number = dict(zip(names, range(len(names)), strict=True))
        shards = (
            self.table["shard"].replace_strict(number, return_dtype=pl.Int32)
            if number
            else pl.Series([], dtype=pl.Int32)
        )
        return Places(
            names.to_list(), shards.to_numpy(), self.table["offset"].to_numpy(), self.table["size"].to_numpy()
        )

    def fetch_ahead(self, rows: NDArray[np.int64]) -> None:
        """Begin to fetch the shards of some rows."""
        self.cache.fetch_ahead(self.places.names[number] for number in np.unique(self.places.shards[rows]))

    @property
    def bins(self) -> NDArray[np.str_]:
        """(N,) the bin of each sample."""
        return self.table["bin"].to_numpy().astype(str)

    def known(self, column: Literal["present", "absent"]) -> NDArray[np.bool_]:
        """(N, C) whether each class is present, or verified absent, in each sample."""
        return self._flags(self.table.select(pl.col(column)))

    def verified(self) -> NDArray[np.bool_]:
        """(N, C) whether it is known if a class is in a sample: always, or where it was verified, as the index says."""
        present = self.known("present")
        return np.ones_like(present) if self.index.unverified == "negative" else present | self.known("absent")

    def boxed(self) -> NDArray[np.bool_]:
        """(N, C) whether each class has a box in each sample."""
        return self._flags(self.table.select(pl.col("boxes").list.eval(pl.element().struct.field("class"))))

    def _flags(self, classes: pl.DataFrame) -> NDArray[np.bool_]:
        """(N, C) flags from one column of lists of class indexes."""
        pairs = classes.to_series().rename("class").to_frame().with_row_index().explode("class").drop_nulls()
        flags = np.zeros((len(self), len(self.index.classes)), dtype=np.bool_)
        flags[pairs["index"].to_numpy(), pairs["class"].to_numpy()] = True
        return flags

    def ids(self, rows: NDArray[np.int64]) -> list[str]:
        """The photos' ids."""
        return self.table["id"][rows].to_list()

    def canvas(self, row: int) -> tuple[int, int]:
        """Width and height of a sample's photo, in pixels."""
        return self.index.canvases[self.table["bin"][row]]

    def boxes(self, row: int) -> list[dict[str, Any]]:
        """The boxes of a sample, as in `Sample`."""
        found: list[dict[str, Any]] = self.table["boxes"][row].to_list()
        return found

    def jpeg(self, row: int) -> bytes:
        """The encoded photo of a sample."""
        places = self.places
        with self.cache.open(places.names[places.shards[row]]) as file:
            file.seek(int(places.offsets[row]))
            return file.read(int(places.sizes[row]))

    def image(self, row: int) -> NDArray[np.uint8]:
        """The photo of a sample: (H, W, 3), RGB."""
        return np.asarray(Image.open(io.BytesIO(self.jpeg(row))))

    def sample(self, row: int) -> Sample:
        """One sample, its photo decoded."""
        facts = self.table.row(row, named=True)
        names = ("id", "bin", "present", "absent", "boxes", "width", "height")
        return Sample(image=self.image(row), **{name: facts[name] for name in names})

    def samples(self) -> Iterator[Sample]:
        """All samples in stored order, decoded ahead in threads."""
        return map_ahead(self.sample, range(len(self)), THREADS, AHEAD)


def plan_batches(bins: NDArray[np.str_], size: int, seed: Sequence[int] | None = None) -> list[NDArray[np.int64]]:
    """Batches as rows of a reader: each of one bin, every row once, sizes within a bin equal but for one.

    Without a seed rows keep their order and bins follow one another; a seed shuffles rows and batches. Smaller batches
    in place of one small rest keep batch normalisation sound.
    """
    random = None if seed is None else np.random.default_rng(seed)
    batches: list[NDArray[np.int64]] = []
    for name in np.unique(bins):
        rows = np.flatnonzero(bins == name)
        if random is not None:
            random.shuffle(rows)
        batches += np.array_split(rows, -(-len(rows) // size))
    if random is not None:
        batches = [batches[position] for position in random.permutation(len(batches))]
    return batches


def batches(reader: ShardReader, size: int) -> Iterator[list[Sample]]:
    """All samples in batches of one bin each, decoded ahead in threads."""
    plan = plan_batches(reader.bins, size)
    decoded = map_ahead(reader.sample, (int(row) for rows in plan for row in rows), THREADS, AHEAD)
    for rows in plan:
        yield [next(decoded) for _ in rows]
