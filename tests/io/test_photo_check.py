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


def test_a_photo_of_16_bits_is_good_and_its_mode_is_told() -> None:
    buffer = io.BytesIO()
    Image.new("I;16", (64, 48), 40_000).save(buffer, "PNG")
    facts = check_photo(buffer.getvalue(), None, None)
    assert (facts["reason"], facts["mode"]) == (None, "I;16")


def test_a_large_progressive_photo_is_decoded_in_full() -> None:
    buffer = io.BytesIO()
    Image.effect_noise((1200, 900), 80).convert("RGB").save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    assert check_photo(data, None, None)["reason"] is None
    for share in (0.2, 0.5, 0.9, 0.99):
        assert check_photo(data[: int(len(data) * share)], None, None)["reason"] == "truncated"


def animation(kind: str) -> bytes:
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "green", "blue")]
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def huge_png() -> bytes:
    """A PNG of 30,000 x 30,000 pixels in a few bytes: decoded it would take 2.7 GB."""

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
        (animation("GIF"), "animated"),
        (animation("WEBP"), "animated"),
        (animation("PNG"), "animated"),
    ],
)
def test_what_is_no_photo(data: bytes, reason: str) -> None:
    assert check_photo(data, len(data), md5(data))["reason"] == reason


def test_not_the_photo_that_is_listed() -> None:
    data = picture()
    assert check_photo(data, len(data) + 1, md5(data))["reason"] == "wrong_size"
    assert check_photo(data, len(data), md5(b"other"))["reason"] == "wrong_md5"
    assert check_photo(data, None, None)["reason"] is None
