"""Hashes that name things: equal content, equal name, on every machine."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BLOCK = 1 << 20


def canonical_json(value: Any) -> bytes:
    """One spelling of a JSON value: keys sorted, no spaces, UTF-8; NaN is refused (ValueError)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256_of(data: bytes) -> str:
    """SHA-256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file, in hex, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_key(parts: Mapping[str, Any]) -> str:
    """A short name (20 hex digits) for what a mapping says."""
    return sha256_of(canonical_json(dict(parts)))[:20]
