"""Is this a photo? One case for each reason."""

import base64
import hashlib
import io
import struct
import zlib

import pytest
from PIL import Image

from oi_tasks.io.photo_check import check_photo


def picture(mode: str = "RGB", size: tuple[int, int] = (64, 48), kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    noise = Image.effect_noise(size, 80).convert(mode)
    noise.save(buffer, kind)
    return buffer.getvalue()


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_good_photo(mode: str) -> None:
    data = picture(mode)
    facts = check_photo(data, len(data), md5(data))
    assert facts["reason"] is None
    assert (facts["width"], facts["height"], facts["mode"], facts["bin"]) == (64, 48, mode, "1x1")
    assert facts["sha256"] == hashlib.sha256(data).hexdigest()


def huge_png() -> bytes:
    """A PNG that claims 30,000 x 30,000 pixels in a few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<html>not here</html>", "not_an_image"),
        (picture()[:-200], "truncated"),
        (huge_png(), "too_large"),
    ],
)
def test_what_is_no_photo(data: bytes, reason: str) -> None:
    assert check_photo(data, len(data), md5(data))["reason"] == reason


def test_not_the_photo_that_is_listed() -> None:
    data = picture()
    assert check_photo(data, len(data) + 1, md5(data))["reason"] == "wrong_size"
    assert check_photo(data, len(data), md5(b"other"))["reason"] == "wrong_md5"
    assert check_photo(data, None, None)["reason"] is None
