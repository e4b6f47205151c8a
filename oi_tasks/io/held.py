"""What may not go, however old: what is or was in use with all it was made from, and of the rest the evidence."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from oi_tasks.core.ledger import Entry, standing
from oi_tasks.core.retention import ID, Published
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import WORK
from oi_tasks.io.tracking import Tracking
from oi_tasks.results import RUNS

TAGS = ("evaluation", "verdict", "dataset", "snapshot", "validated")


@dataclass(frozen=True)
class Held:
    """Versions of the cascade that are in use, were, or are on their way; ids of outputs that stay with all that they
    were made from; and ids of verdicts on other versions, which stay alone.
    """

    versions: frozenset[int]
    whole: frozenset[str]
    evidence: frozenset[str]


def held(
    outputs: Outputs,
    tracking: Tracking,
    cascade: str,
    entries: Sequence[Entry],
    published: Sequence[Published],
    since: datetime,
) -> Held:
    """What the ledger's entries, the registry's aliases and the results of runs since a moment hold."""
    known = standing(entries)
    there = {reign.version for reign in known.reigns} | set(tracking.aliases(cascade).values())
    started = {known.open.version} if known.open is not None else set()
    versions = known.promoted | {version for version in there | started if version is not None}
    verdicts = {output.id for output in published if output.job == "gate"}
    whole, evidence = _of_runs(outputs, since), set()
    for entry in entries:
        named = _named(outputs, entry)
        if entry.version is None or entry.version in versions:
            whole |= named
        else:
            evidence |= named & verdicts
    for version in versions:
        tags = tracking.version_tags(cascade, version) or {}
        whole |= {tags[name] for name in TAGS if name in tags}
    evaluations = (output for output in published if output.job == "evaluate")
    whole |= {one.id for one in evaluations if outputs.get(one.job, one.id).result["candidate"] in versions}
    return Held(versions, frozenset(whole), frozenset(evidence))


def _named(outputs: Outputs, entry: Entry) -> set[str]:
    """Ids that an entry names: outright, or by the key of a gate's verdict."""
    verdict = outputs.find("gate", entry.facts["key"]) if "key" in entry.facts else None
    return set(ID.findall(json.dumps(entry.plain()))) | ({verdict.id} if verdict is not None else set())


def _of_runs(outputs: Outputs, since: datetime) -> set[str]:
    """Ids in the results of runs since a moment: what a run uses again may be old, and the run not over."""
    young = [key for key, _, at in outputs.store.list_times(WORK, RUNS) if at >= since]
    return {name for key in young for name in ID.findall(outputs.store.get_bytes(WORK, key).decode(errors="replace"))}
