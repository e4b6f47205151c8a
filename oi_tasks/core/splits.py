"""Splits by a hash of the photo's id: the same photo stands in the same split in every dataset."""

import hashlib


def split_of(image_id: str, tune: float, test: float) -> str:
    """`test`, `tune` or `train`, by the shares asked for (the rest trains)."""
    draw = int.from_bytes(hashlib.sha256(f"split {image_id}".encode()).digest()[:8]) / 2**64
    if draw < test:
        return "test"
    return "tune" if draw < test + tune else "train"
