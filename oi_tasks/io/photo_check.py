"""Is this a photo? Bytes are checked against what the release lists, and decoded once."""

import base64
import hashlib
import io
import warnings
from typing import Any

import polars as pl
from PIL import Image, UnidentifiedImageError

from oi_tasks.core.aspect import aspect_bin, aspect_of
from oi_tasks.core.fingerprint import sha256_of

LARGEST = 100_000_000  # pixels; decoded, three bytes each
PHOTO_SCHEMA: dict[str, Any] = {
    "ImageID": pl.String,
    "split": pl.String,
    "source": pl.String,
    "sha256": pl.String,
    "size": pl.Int64,
    "width": pl.Int32,
    "height": pl.Int32,
    "aspect": pl.Float64,
    "bin": pl.String,
    "mode": pl.String,
    "reason": pl.String,
}


def check_photo(data: bytes, size: int | None, md5: str | None) -> dict[str, Any]:
    """What a photo's bytes are: sha256, size, width, height, aspect, bin, mode, and the reason it cannot be used.

    `size` in bytes and `md5` (base64, as releases publish it) are what the release lists, where it does. Reasons:
    empty, wrong_size, wrong_md5, not_an_image, too_large, truncated; None for a good photo.
    """
    facts: dict[str, Any] = {"sha256": sha256_of(data), "size": len(data), "reason": None}
    if not data:
        return facts | {"reason": "empty"}
    if size is not None and size != len(data):
        facts["reason"] = "wrong_size"
    elif md5 and base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode() != md5:
        facts["reason"] = "wrong_md5"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            photo = Image.open(io.BytesIO(data))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        bomb = isinstance(error, Image.DecompressionBombError)
        return facts | {"reason": facts["reason"] or ("too_large" if bomb else "not_an_image")}
    width, height = photo.size
    facts |= {"width": width, "height": height, "mode": photo.mode}
    facts |= {"aspect": aspect_of(width, height), "bin": aspect_bin(width, height)}
    if width * height > LARGEST:
        return facts | {"reason": "too_large"}
    try:
        photo.load()
    except (OSError, ValueError, SyntaxError):
        return facts | {"reason": facts["reason"] or "truncated"}
    return facts
