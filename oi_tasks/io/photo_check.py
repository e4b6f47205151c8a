"""Is this a photo? Bytes are checked against what the release lists, and decoded once."""

import base64
import hashlib
import io
import warnings
from typing import Any

import polars as pl
from PIL import Image

from oi_tasks.core.aspect import aspect_bin, aspect_of
from oi_tasks.core.fingerprint import sha256_of

# Once for the process: photos are checked by several threads, and catch_warnings changes what all of them see.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

LARGEST = 100_000_000  # pixels
LARGEST_FILE = 64 << 20  # bytes; a larger file is not read at all
PROOF = (64, 64)  # a JPEG is decoded at the smallest scale that gives so many pixels: all its data is read all the same
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
    empty, not_an_image, too_large (pixels), animated, truncated, undecodable, wrong_size, wrong_md5, the first that
    holds; None for a good photo. Grey, CMYK and 16-bit photos are good: `mode` tells (L, CMYK, I;16).
    """
    facts: dict[str, Any] = {"sha256": sha256_of(data), "size": len(data), "reason": None}
    if not data:
        return facts | {"reason": "empty"}
    if size is not None and size != len(data):
        facts["reason"] = "wrong_size"
    elif md5 and base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode() != md5:
        facts["reason"] = "wrong_md5"
    try:
        photo = Image.open(io.BytesIO(data))
    except Exception as error:  # decoders raise whatever damaged data leads them to
        bomb = isinstance(error, Image.DecompressionBombError)
        return facts | {"reason": "too_large" if bomb else "not_an_image"}
    width, height = photo.size
    facts |= {"width": width, "height": height, "mode": photo.mode}
    facts |= {"aspect": aspect_of(width, height), "bin": aspect_bin(width, height)}
    if width * height > LARGEST:
        return facts | {"reason": "too_large"}
    return facts | {"reason": _fault_of(photo) or facts["reason"]}


def _fault_of(photo: Image.Image) -> str | None:
    """Why a photo cannot be used, if it cannot: it moves, or does not decode."""
    try:
        # A camera's MPO is a JPEG with a second view behind it, not an animation.
        if photo.format != "MPO" and getattr(photo, "n_frames", 1) > 1:
            return "animated"
        photo.draft(None, PROOF)
        photo.load()
    except (OSError, EOFError):
        return "truncated"
    except Exception:  # decoders raise whatever damaged data leads them to
        return "undecodable"
    return None
