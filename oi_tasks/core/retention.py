"""What may go: outputs past their time that nothing in use was made from. Pure."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

ID = re.compile(r"\b[0-9a-f]{20}\b")


@dataclass(frozen=True)
class Published:
    """A published output: when, which ids it names, which objects it holds."""

    job: str
    id: str
    at: datetime
    names: frozenset[str]
    objects: frozenset[tuple[str, str]]
    """Bucket and key of each."""

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "Published":
        """From a manifest."""
        said = json.dumps([manifest["fields"], manifest["result"]])
        objects = frozenset((ref["bucket"], ref["key"]) for ref in manifest["objects"].values())
        at = datetime.fromisoformat(manifest["produced"].get("at", "1970-01-01T00:00:00+00:00"))
        return cls(manifest["job"], manifest["id"], at, frozenset(ID.findall(said)) - {manifest["id"]}, objects)


def may_go(
    outputs: Iterable[Published], since: datetime, referred: Iterable[str], alone: Iterable[str] = ()
) -> list[Published]:
    """Outputs older than `since` that neither `referred` nor any output that stays names, over any number of steps.

    Those in `alone` stay too, and hold nothing that they name: evidence of what is gone.
    """
    known = {output.id: output for output in outputs}
    todo = [output.id for output in known.values() if output.at >= since] + [name for name in referred if name in known]
    stay: set[str] = set()
    while todo:
        output_id = todo.pop()
        if output_id not in stay:
            stay.add(output_id)
            todo += [name for name in known[output_id].names if name in known]
    stay |= set(alone)
    return [output for output in known.values() if output.id not in stay]
