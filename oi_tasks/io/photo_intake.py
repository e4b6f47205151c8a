"""Photos on their way into the store: which to take, each read, checked and stored by its content."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

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
GROUP = 16_384  # rows of a row group: what is held before it is written
MISSING = "missing"


def taken_photos(
    release: Output, tables: Output, labels: tuple[str, ...], per_label: int | None, digits: str
) -> pl.DataFrame:
    """The photos to take whose ImageID begins with one of `digits`, by ImageID: files there are, and photos listed.

    Each with the `size` and `md5` that the list has for it as `must_have` and `md5`. Of several files of one ImageID
    the one of the first source is taken; `there` is false for a photo that is listed and has no file.
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
    found = files.sort("ImageID", "source").unique("ImageID", keep="first").join(expected, on="ImageID", how="left")
    gone = once.join(found, on="ImageID", how="anti").select("ImageID", split="Subset", there=pl.lit(False))
    there = found.with_columns(there=pl.lit(True))
    return pl.concat([there, gone], how="diagonal").sort("ImageID")


def bring_photos(
    store: Store, sources: Mapping[str, Source], taken: pl.DataFrame, told: Callable[[], Any], *, mend: bool = False
) -> Iterator[pl.DataFrame]:
    """Store every file that is a photo, several at a time; `told` hears of each. Yields their rows, in order.

    A photo that cannot be used, or is listed and not there, has its reason in its row. `mend`: what the store has of
    them already is read back, and written anew where it is damaged.
    """

    def row_of(file: dict[str, Any]) -> dict[str, Any]:
        if not file["there"]:
            return {"ImageID": file["ImageID"], "split": file["split"], "reason": MISSING}
        return _bring(store, sources, file, mend)

    with ThreadPoolExecutor(THREADS) as pool:
        for batch in taken.iter_slices(ROUND):
            rows = []
            for row in pool.map(row_of, batch.iter_rows(named=True)):
                told()
                rows.append(row)
            yield pl.DataFrame(rows, schema=PHOTO_SCHEMA)


def write_photos(frames: Iterable[pl.DataFrame], path: Path) -> Counter[str]:
    """Write rows to one Parquet file as they come, in groups of one size. Returns how many photos have which reason.

    The reason of a good photo is the empty text.
    """
    nothing = pl.DataFrame(schema=PHOTO_SCHEMA)
    reasons: Counter[str] = Counter()
    with pq.ParquetWriter(path, _arrow(nothing).schema, compression="zstd") as file:
        waiting = nothing
        for frame in frames:
            reasons.update(frame["reason"].fill_null("").to_list())
            waiting = pl.concat([waiting, frame])
            while waiting.height >= GROUP:
                file.write_table(_arrow(waiting[:GROUP]))
                waiting = waiting[GROUP:]
        file.write_table(_arrow(waiting))
    return reasons


def _arrow(frame: pl.DataFrame) -> Any:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


def _bring(store: Store, sources: Mapping[str, Source], file: dict[str, Any], mend: bool) -> dict[str, Any]:
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
        return row | {"size": 0, "reason": MISSING}
    except BadInput as error:
        return row | {"size": photo.size, "reason": error.code}
    except OSError:  # of this machine's disk; a server that does not answer is Unreachable, and ends the run
        return row | {"size": photo.size, "reason": "unreadable"}
    facts = check_photo(data, file["must_have"], file["md5"])
    if facts["reason"] is None:
        # One request, whether it is there or not: asking first would be a second one for each new photo.
        key = photo_key(facts["sha256"])
        stored = store.put_if_absent(RAW, key, data, by_content=True)
        if mend and not stored and not store.holds(RAW, key, facts["sha256"]):
            store.put_bytes(RAW, key, data)
    return row | facts
