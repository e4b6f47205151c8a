"""The reference of every profile field, as Markdown, made from the schema."""

import json
from collections.abc import Iterator
from typing import Any

from oi_tasks.profile.profile import Profile
from oi_tasks.profile.training import Recipe

HEAD = """# Every field of a profile

Made from the schema by `oi profiles --reference`. A field that is left out has its default; an unknown one is refused
by its name. `oi profiles NAME` prints a profile in full.
"""


def reference() -> str:
    """A section for each part of the profile, a row for each of its fields: of a recipe its own before the common.

    What is made like a part that was told before is referred to it.
    """
    schema = Profile.model_json_schema()
    parts = schema.pop("$defs", {})
    sections, told = [HEAD], dict[str, str]()
    for title, path, part in _parts(schema, parts):
        if told.setdefault(part["title"], path) != path:
            continue
        rows = [
            f"| `{name}` | {_kind(field)} | {_default(field, name in part.get('required', ()))} | {_said(field)} |"
            for name, field in sorted(part["properties"].items(), key=lambda pair: pair[0] in Recipe.model_fields)
            if not _inner(field, parts)
        ]
        rows += [
            f"| `{name}` | as [`{told[inner]}`](#{told[inner].replace('.', '')}) | see there | {_said(field)} |"
            for name, field in part["properties"].items()
            for inner in _inner(field, parts)
            if told.get(inner, f"{path}.{name}".strip(".")) != f"{path}.{name}".strip(".")
        ]
        if rows:
            about = " ".join(part.get("description", "").split())
            table = ["| field | values | default | what it is |", "|---|---|---|---|", *rows]
            sections.append("\n".join([f"## {path or title}", "", about, "", *table, ""]))
    return "\n".join(sections)


def _parts(schema: dict[str, Any], parts: dict[str, Any], path: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The schema's own part, then those that its fields are made of, each with the path that leads to it."""
    yield str(schema.get("title", "")), path, schema
    for name, field in schema["properties"].items():
        for inner in _inner(field, parts):
            yield from _parts(parts[inner], parts, f"{path}.{name}".strip("."))


def _inner(field: dict[str, Any], parts: dict[str, Any]) -> list[str]:
    """The parts that a field's value is made of."""
    found = [field, *field.get("anyOf", ())]
    found += [nested for each in found for nested in (each.get("items"), each.get("additionalProperties"))]
    names = [each["$ref"].rsplit("/", 1)[-1] for each in found if isinstance(each, dict) and "$ref" in each]
    return [name for name in names if "properties" in parts[name]]


def _kind(field: dict[str, Any]) -> str:
    """What a field's value may be."""
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "anyOf" in field:
        return " or ".join(_kind(each) for each in field["anyOf"])
    kind = {"array": "list", "object": "mapping", "null": "nothing"}.get(field.get("type", ""), field.get("type", ""))
    limits = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "under"}
    return " ".join([str(kind), *(f"{word} {field[name]}" for name, word in limits.items() if name in field)])


def _default(field: dict[str, Any], required: bool) -> str:
    return "**required**" if required else f"`{json.dumps(field['default'])}`" if "default" in field else "see below"


def _said(field: dict[str, Any]) -> str:
    return " ".join(str(field.get("description", "")).replace("|", "\\|").split())
