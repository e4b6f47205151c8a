"""Which photos are taken: also those whose names are no hashes, as in a folder of one's own."""

from pathlib import Path

import polars as pl
import pytest

from oi_tasks.core.partitions import DIGITS
from oi_tasks.io.photo_choice import choose_photos

NAMES = ("img_7", "ZEBRA", "Ab12", "ab13", "0f00")  # where each belongs: 0, 0, a, a, 0


@pytest.mark.parametrize("wanted", [(), ("/m/0a",)])
def test_photos_with_verified_labels_alone_are_taken_whatever_they_are_called(
    tmp_path: Path, wanted: tuple[str, ...]
) -> None:
    nothing = pl.DataFrame(schema={"ImageID": pl.String, "LabelName": pl.String})
    boxes = [tmp_path / f"{digit}.parquet" for digit in DIGITS]
    for path in boxes:
        nothing.write_parquet(path)
    labels = tmp_path / "labels.parquet"
    pl.DataFrame({"ImageID": NAMES, "LabelName": "/m/0a", "Confidence": 1.0}).write_parquet(labels)
    assert sorted(choose_photos(boxes, labels, wanted, per_label=10)) == sorted(NAMES)
    assert len(choose_photos(boxes, labels, wanted, per_label=2)) == 2
