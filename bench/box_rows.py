"""A box file in the release's form, of any length, with the label distribution of V4's training boxes."""

from pathlib import Path

import numpy as np
import polars as pl

LABELS = Path(__file__).parents[2] / "shared" / "data" / "v4-metadata" / "v4-train-box-counts.csv"
BLOCK = 1_000_000  # rows made at a time
BOXES_A_PHOTO = 8.4  # of V4's training photos
SHARES = {"IsOccluded": 0.66, "IsTruncated": 0.25, "IsGroupOf": 0.06, "IsDepiction": 0.055, "IsInside": 0.0024}
UNKNOWN_FLAGS = 21_871 / 14_610_229  # rows whose flags are all -1


def write_boxes(path: Path, rows: int, seed: int = 0) -> None:
    """Write `rows` boxes as CSV, by ImageID as the release does. Equal seeds write equal bytes."""
    labels, shares = _labels()
    rng = np.random.default_rng(seed)
    with path.open("wb") as file:
        for start in range(0, rows, BLOCK):
            count = min(BLOCK, rows - start)
            # Each block holds the photos of its own stretch of ids, so that the whole file is in their order.
            block = _block(rng, count, (start / rows, (start + count) / rows), labels, shares)
            block.write_csv(file, include_header=start == 0, float_precision=6)


def _labels() -> tuple[list[str], np.ndarray]:
    """MIDs and their shares: V4's where its counts lie beside the checkout, else 601 that fall off as 1/n."""
    if LABELS.is_file():
        counts = pl.read_csv(LABELS)
        return counts["LabelName"].to_list(), (counts["TrainBoxes"] / counts["TrainBoxes"].sum()).to_numpy()
    weights = 1 / np.arange(1, 602)
    return [f"/m/0{number:04x}" for number in range(601)], weights / weights.sum()


def _block(
    rng: np.random.Generator, count: int, stretch: tuple[float, float], labels: list[str], shares: np.ndarray
) -> pl.DataFrame:
    photos = max(1, round(count / BOXES_A_PHOTO))
    low, high = (int(end * (2**64 - 1)) for end in stretch)
    ids = np.sort(rng.integers(low, max(high, low + 1), photos, dtype=np.uint64))
    names = pl.Series([f"{number:016x}" for number in ids.tolist()])
    corners = np.sort(rng.random((count, 2, 2)), axis=2)
    unknown = rng.random(count) < UNKNOWN_FLAGS
    flags = {name: np.where(unknown, -1, rng.random(count) < share) for name, share in SHARES.items()}
    return pl.DataFrame(
        {
            "ImageID": names.gather(np.sort(rng.integers(0, photos, count))),
            "Source": pl.Series(["xclick", "activemil"]).gather((rng.random(count) < 0.107).astype(np.uint32)),
            "LabelName": pl.Series(labels).gather(rng.choice(len(labels), count, p=shares)),
            "Confidence": pl.Series(np.ones(count, dtype=np.int8)),
            "XMin": corners[:, 0, 0],
            "XMax": corners[:, 0, 1],
            "YMin": corners[:, 1, 0],
            "YMax": corners[:, 1, 1],
            **flags,
        }
    )
