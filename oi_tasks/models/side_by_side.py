"""What an evaluation keeps of scored models: their tables, and what two of them differ by on the same photos."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from oi_tasks.core import metrics
from oi_tasks.core.bootstrap import Resamples
from oi_tasks.models.mask_curves import SCHEMA as MASKS
from oi_tasks.models.photo_rows import SCHEMA as PHOTOS
from oi_tasks.models.scoring import Scores


def write_tables(folder: Path, scores: Mapping[str, Scores]) -> None:
    """Write `per_class.parquet`, `photos.parquet` and `masks.parquet`; of several models with a column `model`."""
    folder.mkdir(exist_ok=True)
    tables = {
        "per_class": [pl.DataFrame(found.classes, infer_schema_length=None) for found in scores.values()],
        "photos": [pl.DataFrame(found.photos, schema=PHOTOS) for found in scores.values()],
        "masks": [pl.DataFrame(found.masks, schema=MASKS) for found in scores.values()],
    }
    for name, made in tables.items():
        if len(scores) > 1:
            made = [
                table.select(pl.lit(model).alias("model"), pl.all()) for model, table in zip(scores, made, strict=True)
            ]
        pl.concat(made, how="vertical_relaxed").write_parquet(folder / f"{name}.parquet")


def compared(ours: Scores, theirs: Scores | None, drawn: Resamples) -> dict[str, Any]:
    """Candidate and champion on the same photos: `differences` by part and number, and `paired` by `part/number`.

    Each of `paired` holds `candidate`, `champion`, `difference`, and `low` and `high`, the ends of the difference's
    95 % interval; what is not a number is null. Without a champion to compare with both are null.
    """
    if theirs is None:
        return {"differences": None, "paired": None}
    found = ours.paired(theirs, drawn)
    differences = {
        part: {name: metrics.Number(one.difference, one.low, one.high) for name, one in named.items()}
        for part, named in found.items()
    }
    return {
        "differences": {part: metrics.as_plain(named) for part, named in differences.items()},
        "paired": metrics.as_plain(
            {f"{part}/{name}": one for part, named in found.items() for name, one in named.items()}
        ),
    }
