"""What a classifier said of photos, as a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

TUNE = "tune.parquet"  # of a training's output: what the model says of the tune photos


@dataclass(frozen=True)
class Said:
    """Photos by id, and probabilities (N, C) of the model's classes."""

    ids: list[str]
    probabilities: NDArray[np.float32]

    def write(self, path: Path) -> None:
        """Write a table of `id` and `probabilities`, an array of C for each photo."""
        row = pl.Array(pl.Float32, self.probabilities.shape[1])
        held = pl.Series("probabilities", self.probabilities, dtype=row)
        pl.DataFrame([pl.Series("id", self.ids, dtype=pl.String), held]).write_parquet(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What was written."""
        table = pl.read_parquet(path)
        return cls(table["id"].to_list(), table["probabilities"].to_numpy())
