"""What changed from one snapshot to another: files, labels, edges, photos, image labels and boxes."""

from collections import Counter
from typing import Any

import polars as pl

from oi_tasks.io.differences import Differences, differences
from oi_tasks.io.snapshots import Snapshot

CORNERS = ("XMin", "XMax", "YMin", "YMax")
KEYS: dict[str, tuple[str, ...]] = {
    "files": ("name",),
    "labels": ("LabelName",),
    "edges": ("kind", "parent", "child", "depth", "occurrence"),
    "photos": ("ImageID",),
    "image_labels": ("ImageID", "LabelName"),
    "boxes": ("ImageID", "LabelName", *CORNERS),
}
"""What tells rows apart; a row that differs in the other columns has changed. A box that moved is gone, and added."""
KINDS = ("added", "gone", "changed")


class _Tally:
    """Counts and examples of the differences of one kind of thing, gathered part by part."""

    def __init__(self, examples: int) -> None:
        self.counts: Counter[str] = Counter()
        self.rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
        self._examples = examples

    def add(self, found: Differences, key: tuple[str, ...]) -> None:
        self.counts.update(found.counts())
        for kind, rows in (("added", found.added), ("gone", found.gone), ("changed", found.changed)):
            room = rows.height if self._examples < 0 else self._examples - len(self.rows[kind])
            if room > 0:
                shown = rows.sort(key).head(room)
                self.rows[kind] += [_only_what_differs(row) for row in shown.iter_rows(named=True)]

    def told(self) -> dict[str, Any]:
        return {**{kind: self.counts[kind] for kind in KINDS}, "examples": self.rows}


def snapshot_diff(before: Snapshot, after: Snapshot, examples: int = 10) -> dict[str, Any]:
    """Counts of what was added, is gone and has changed, of each kind, with as many examples (-1: all of them).

    A table whose object is the same in both is not read; boxes are compared one partition at a time.
    """
    tallies = {kind: _Tally(examples) for kind in KEYS}
    alone = all(len(snapshot.release["sources"]) == 1 for snapshot in (before, after))
    files = differences(_files(before, alone), _files(after, alone), KEYS["files"])
    tallies["files"].add(files, KEYS["files"])
    plain = {"labels": "descriptions", "edges": "edges", "image_labels": "image_labels"}
    compared = [("photos", "photos", "photos.parquet")]
    compared += [(kind, "tables", f"{table}.parquet") for kind, table in plain.items()]
    compared += [("boxes", "tables", name) for name in before.part("tables").names("boxes/")]
    for kind, part, name in compared:
        old, new = before.part(part), after.part(part)
        if old.manifest.objects[name].sha256 != new.manifest.objects[name].sha256:
            found = differences(pl.read_parquet(old.local(name)), pl.read_parquet(new.local(name)), KEYS[kind])
            tallies[kind].add(found, KEYS[kind])
    return {"before": before.id, "after": after.id, **{kind: tally.told() for kind, tally in tallies.items()}}


def _files(snapshot: Snapshot, alone: bool) -> pl.DataFrame:
    """The release files of a snapshot; `alone`: named without their source, since there is but one."""
    schema = {"name": pl.String, "kind": pl.String, "sha256": pl.String, "size": pl.Int64}
    files = [
        {**file, "name": file["name"] if alone else f"{file['source']}/{file['name']}"}
        for file in snapshot.release["files"]
    ]
    return pl.DataFrame(files, schema=schema)


def _only_what_differs(row: dict[str, Any]) -> dict[str, Any]:
    if "was" not in row:
        return row
    was, now = row["was"], row["now"]
    differs = [name for name in was if was[name] != now[name]]
    return {**row, "was": {name: was[name] for name in differs}, "now": {name: now[name] for name in differs}}
