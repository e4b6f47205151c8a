"""Photos on their way into the store: which to take, each read, checked and stored by its content."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars as pl

from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Output
from oi_tasks.io.photo_check import LARGEST_FILE, PHOTO_SCHEMA, check_photo
from oi_tasks.io.photo_choice import choose_photos
from oi_tasks.io.release import PhotoFile
from oi_tasks.io.sources import Source
from oi_tasks.io.store import RAW, Store, photo_key
from oi_tasks.io.tables import digit_of

THREADS = 8
ROUND = 512  # photos under way before the next are taken, which bounds memory


def taken_photos(
    release: Output, tables: Output, labels: tuple[str, ...], per_label: int | None, digits: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The photos to take whose ImageID begins with one of `digits`: the files there are, and the photos listed.

    Each file with its `ImageID`, and the `size` and `md5` that the list has for it as `must_have` and `md5`.
    """
    files = pl.read_parquet(release.local("photos.parquet"))
    files = files.with_columns(ImageID=pl.col("name").str.strip_suffix(".jpg"))
    listed = pl.read_parquet(tables.local("photo_list.parquet"), columns=["ImageID", "Subset", "size", "md5"])
    files, listed = (one.filter(digit_of(pl.col("ImageID")).is_in(list(digits))) for one in (files, listed))
    if labels or per_label is not None:
        boxes = [tables.local(name) for name in tables.names("boxes/")]
        chosen = choose_photos(boxes, tables.local("image_labels.parquet"), labels, per_label).implode()
        files, listed = (one.filter(pl.col("ImageID").is_in(chosen)) for one in (files, listed))
    once = listed.unique("ImageID", keep="last", maintain_order=True)
    expected = once.select("ImageID", must_have="size", md5="md5")
    return files.join(expected, on="ImageID", how="left", maintain_order="left"), listed


def bring_photos(
    store: Store, sources: Mapping[str, Source], files: pl.DataFrame, listed: pl.DataFrame, told: Callable[[], Any]
) -> pl.DataFrame:
    """Store every file that is a photo, several at a time; `told` hears of each. Returns the rows, by ImageID.

    A photo that cannot be used, or is listed and not there, has its reason in its row.
    """
    found = [pl.DataFrame(schema=PHOTO_SCHEMA)]
    with ThreadPoolExecutor(THREADS) as pool:
        for batch in files.iter_slices(ROUND):
            rows = []
            for row in pool.map(lambda file: _bring(store, sources, file), batch.iter_rows(named=True)):
                told()
                rows.append(row)
            found.append(pl.DataFrame(rows, schema=PHOTO_SCHEMA))
    table = pl.concat(found)
    table = pl.concat([table, _missing(listed, table)]).sort("ImageID", "source")
    return table.unique("ImageID", keep="first").sort("ImageID")


def why_bad(table: pl.DataFrame) -> dict[str, int]:
    """How many photos cannot be used, by reason."""
    return dict(table.drop_nulls("reason").group_by("reason").len().sort("reason").iter_rows())


def _bring(store: Store, sources: Mapping[str, Source], file: dict[str, Any]) -> dict[str, Any]:
    """Check one photo and store it by content. Returns its row."""
    photo = PhotoFile(file["split"], file["name"], file["size"])
    row = {name: file[name] for name in ("ImageID", "split", "source")}
    if not photo.image_id:
        return row | {"size": photo.size, "reason": "bad_name"}
    if photo.size is not None and photo.size > LARGEST_FILE:
        return row | {"size": photo.size, "reason": "too_many_bytes"}
    try:
        data = sources[file["source"]].read(f"{file['split']}/{file['name']}", at_most=LARGEST_FILE)
    except FileNotFoundError:
        return row | {"size": 0, "reason": "missing"}
    except BadInput as error:
        return row | {"size": photo.size, "reason": error.code}
    except OSError:  # of this machine's disk; a server that does not answer is Unreachable, and ends the run
        return row | {"size": photo.size, "reason": "unreadable"}
    facts = check_photo(data, file["must_have"], file["md5"])
    if facts["reason"] is None:
        # One request, whether it is there or not: asking first would be a second one for each new photo.
        store.put_if_absent(RAW, photo_key(facts["sha256"]), data, by_content=True)
    return row | facts


def _missing(listed: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Rows for the photos that the release lists and does not hold."""
    gone = listed.join(found, on="ImageID", how="anti").select(
        "ImageID", pl.col("Subset").alias("split"), pl.lit("missing").alias("reason")
    )
    return gone.select(
        pl.col(name).cast(kind) if name in gone.columns else pl.lit(None, dtype=kind).alias(name)
        for name, kind in PHOTO_SCHEMA.items()
    )
