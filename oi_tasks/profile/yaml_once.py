"""YAML in which a field stands once: PyYAML takes the last of two, and the first would be lost unseen."""

from collections.abc import Hashable
from typing import Any

import yaml


class StandsTwice(yaml.YAMLError):
    """A field stands twice in one mapping."""


class _Once(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A mapping. Raises StandsTwice for a key that is there already."""
        seen: set[Any] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in seen:
                raise StandsTwice(f"the field {key.value} stands twice, the second time in line {_line(key)}")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def load_yaml(text: str) -> Any:
    """What a YAML text says. Raises YAMLError for what is none, or says a field twice."""
    try:
        return yaml.load(text, _Once)  # noqa: S506 - a SafeLoader
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None
