"""Shards: tars of samples in the webdataset layout, `<ImageID>.jpg` beside `<ImageID>.json`."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from oi_tasks.io.outputs import Output

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Sample:
    """A photo at training size, as stored, and what is known of it.

    `present` and `absent` are class indices; `boxes` are mappings with class, box (XMin, YMin, XMax, YMax, normalised)
    and flags; width and height are the original's, in pixels.
    """

    id: str
    bin: str
    jpeg: bytes
    present: tuple[int, ...]
    absent: tuple[int, ...]
    boxes: tuple[dict[str, Any], ...]
    width: int
    height: int

    def pixels(self) -> Pixels:
        """The photo, decoded: uint8 (height, width, 3) of its bin's canvas."""
        return np.asarray(Image.open(io.BytesIO(self.jpeg)).convert("RGB"))


def shard_order(image_id: str) -> str:
    """A fixed shuffle: photos stand in shards in the order of this."""
    return hashlib.sha256(f"order {image_id}".encode()).hexdigest()


def write_shard(path: Path, samples: Iterator[tuple[dict[str, Any], bytes]]) -> int:
    """Write samples (facts with an `id`, JPEG bytes) as one tar; equal samples make equal bytes. Returns how many."""
    count = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for facts, jpeg in samples:
            for ending, data in (("jpg", jpeg), ("json", json.dumps(facts, sort_keys=True).encode())):
                entry = tarfile.TarInfo(f"{facts['id']}.{ending}")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
            count += 1
    return count


def read_shard(path: Path) -> Iterator[Sample]:
    """The samples of one tar, in order."""
    with tarfile.open(path) as tar:
        jpeg = b""
        for entry in tar:
            file = tar.extractfile(entry)
            assert file is not None
            if entry.name.endswith(".jpg"):
                jpeg = file.read()
                continue
            facts = json.load(file)
            yield Sample(
                id=facts["id"],
                bin=facts["bin"],
                jpeg=jpeg,
                present=tuple(facts["present"]),
                absent=tuple(facts["absent"]),
                boxes=tuple(facts["boxes"]),
                width=facts["width"],
                height=facts["height"],
            )


class Dataset:
    """A published dataset: its classes, canvases and samples."""

    def __init__(self, output: Output) -> None:
        self.output, self.id = output, output.id

    @cached_property
    def index(self) -> Mapping[str, Any]:
        """What `index.json` says: classes, clusters, canvases, counts, unverified."""
        found: Mapping[str, Any] = self.output.read_json("index.json")
        return found

    @property
    def classes(self) -> list[dict[str, Any]]:
        """The classes in the order of their index."""
        return list(self.index["classes"])

    @property
    def canvases(self) -> dict[str, tuple[int, int]]:
        """Width and height in pixels of each bin's canvas."""
        return {name: (size[0], size[1]) for name, size in self.index["canvases"].items()}

    def samples(self, split: str) -> Iterator[Sample]:
        """All samples of a split, shard by shard, each fetched once and checked."""
        for name in self.output.names(f"shards/{split}-"):
            yield from read_shard(self.output.local(name))
