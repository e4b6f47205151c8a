"""What a frozen encoder makes of photos, computed once and held on disk, where the page cache serves it."""

import shutil
import tempfile
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LIMIT = 16 << 30  # bytes that are held; more is computed anew in each epoch

Features = tuple[Tensor, ...]


class KeptFeatures:
    """The features of all rows of a reader. Rows of one batch have one shape, as photos of one aspect bin do."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._rooms: list[list[NDArray[Any]]] = []  # of each shape, by level
        self._shapes: list[list[tuple[int, ...]]] = []
        self._filled: list[int] = []
        self._shape, self._place = np.zeros(rows, dtype=np.int32), np.zeros(rows, dtype=np.int64)

    @staticmethod
    def fit(example: Features, rows: int) -> bool:
        """Whether the features of `rows` photos like the example's can be held."""
        needed = sum(level[0].nbytes for level in example) * rows
        return bool(needed <= min(LIMIT, shutil.disk_usage(tempfile.gettempdir()).free // 2))

    def put(self, rows: NDArray[np.int64], features: Features) -> None:
        """Hold the features of some rows."""
        shape = [tuple(level.shape[1:]) for level in features]
        if shape not in self._shapes:
            self._shapes.append(shape)
            self._rooms.append([self._room(level) for level in features])
            self._filled.append(0)
        number = self._shapes.index(shape)
        places = np.arange(self._filled[number], self._filled[number] + len(rows))
        self._shape[rows], self._place[rows] = number, places
        self._filled[number] += len(rows)
        for room, level in zip(self._rooms[number], features, strict=True):
            room[places] = level.cpu().numpy()

    def get(self, rows: NDArray[np.int64]) -> Features:
        """The features of some rows of one shape, as one batch on the CPU."""
        rooms = self._rooms[self._shape[rows[0]]]
        return tuple(torch.from_numpy(room[self._place[rows]]) for room in rooms)

    def _room(self, level: Tensor) -> NDArray[Any]:
        """A file without a name, gone with this process; it takes up what is written to it."""
        shape, kind = (self._rows, *level.shape[1:]), torch.empty(0, dtype=level.dtype).numpy().dtype
        with tempfile.TemporaryFile(prefix="oi-features-") as file:
            return np.memmap(file, dtype=kind, mode="w+", shape=shape)
