"""Snapshots as they lie in the store, found by their ids."""

from functools import cached_property
from typing import Any

from oi_tasks.errors import BadInput, OiError
from oi_tasks.io.outputs import Output, Outputs, manifest_key
from oi_tasks.io.store import DATA

PARTS = {"release": "fetch", "tables": "tables", "photos": "photos"}
"""The outputs that a snapshot is made of, and the jobs that made them."""
SHORTEST = 4  # digits of an id that may stand for it


class Snapshot:
    """One snapshot and the outputs that it is made of."""

    def __init__(self, output: Output, outputs: Outputs) -> None:
        self.output, self.id, self._outputs = output, output.id, outputs

    @cached_property
    def named(self) -> dict[str, Any]:
        """What `snapshot.json` says."""
        named: dict[str, Any] = self.output.read_json("snapshot.json")
        return named

    @property
    def at(self) -> str:
        """When it was made, in UTC."""
        return str(self.output.manifest.produced.get("at", ""))

    def part(self, name: str) -> Output:
        """The output that is its `release`, `tables` or `photos`."""
        return self._outputs.get(PARTS[name], self.named["outputs"][name])

    @cached_property
    def release(self) -> dict[str, Any]:
        """What `release.json` says: the sources by name, and the files."""
        release: dict[str, Any] = self.part("release").read_json("release.json")
        return release

    def summary(self) -> dict[str, Any]:
        """What a list shows of it."""
        return {"id": self.id, "at": self.at, **self.output.result, "sources": sorted(self.release["sources"].values())}

    def facts(self) -> dict[str, Any]:
        """All that is known about it: what it names, and of each part when, by which code and how long."""
        parts = {name: self.part(name).manifest for name in PARTS}
        made = {name: {"id": manifest.id, **manifest.produced} for name, manifest in parts.items()}
        return {"id": self.id, "produced": self.output.manifest.produced, "parts": made, **self.named}


class Snapshots:
    """All snapshots of a store."""

    def __init__(self, outputs: Outputs) -> None:
        self.outputs = outputs

    def all(self) -> list[Snapshot]:
        """Every snapshot, the oldest first."""
        found = [self.get(one) for one in self.outputs.list("snapshot")]
        return sorted(found, key=lambda one: (one.at, one.id))

    def get(self, snapshot_id: str) -> Snapshot:
        """The snapshot with that id. Raises BadInput when there is none, OiError when its manifest is no manifest."""
        try:
            return Snapshot(self.outputs.get("snapshot", snapshot_id), self.outputs)
        except ValueError:
            where = f"{DATA}/{manifest_key('snapshot', snapshot_id)}"
            raise OiError("the snapshot's manifest cannot be read", where, code="damaged") from None

    def find(self, word: str) -> Snapshot:
        """The snapshot that a word names: an id, its first digits, or `latest`. Raises BadInput for none or several."""
        if word == "latest":
            every = self.all()
            if not every:
                raise BadInput(
                    "there is no snapshot yet", fix="run the ingest: oi demo, or the DAG oi_ingest", code="not_found"
                )
            return every[-1]
        found = [one for one in self.outputs.list("snapshot") if one == word or word == one[: max(SHORTEST, len(word))]]
        if len(found) == 1:
            return self.get(found[0])
        what = f"{len(found)} snapshots begin with {word!r}" if found else f"there is no snapshot {word!r}"
        raise BadInput(what, self.outputs.store.endpoint, fix="`oi snapshot list` shows them", code="not_found")
