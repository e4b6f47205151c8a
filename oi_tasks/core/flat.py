"""Nested fields as one list, each by its place: `{"epochs": {"frozen": 4}}` is `epochs.frozen` 4. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any


def flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Place and value of every field that holds no further ones."""
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
