"""List what is past its time and referred to by nothing, and remove it when asked to."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from pydantic import PositiveInt

from oi_tasks.core.retention import Published, may_go
from oi_tasks.io.held import held
from oi_tasks.io.ledger import Ledger
from oi_tasks.io.outputs import Output
from oi_tasks.io.store import DATA, WORK
from oi_tasks.jobs.base import Job, JobIO, JobResult
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.profile import Profile
from oi_tasks.results import RUNS, TOLD

Versions = Mapping[tuple[str, int], str]
"""Model and version, with the MLflow run that registered it."""
REMOVED = "removed"  # the tag of an MLflow run whose model version went


class Housekeeping(Job):
    """List what is past its time and referred to by nothing, and remove it when asked to.

    Kept are what is younger than `keep_days` or named by the result of a younger run; every version that is or ever was
    in use, whatever an alias points to, and all that they were made from; and of versions that were refused, turned
    down or passed and never came into use, the verdict alone. Their MLflow runs stay, and the tag `removed` says what
    went. Release files and photos in `oi-raw` are never touched. In `oi-work` states of trainings, results of runs, and
    the marks of runs whose end was told go by their age alone. Publishes `leftovers.json`.
    """

    keep_days: PositiveInt
    remove: bool = False

    class Result(JobResult):
        """How many of each there are to remove, and how many bytes; `removed` says whether they are gone."""

        outputs: int
        objects: int
        megabytes: float
        work_files: int
        model_versions: int
        removed: bool

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """How long the profile keeps things."""
        return cls(**{"keep_days": profile.keep_days, **inputs})

    def still_good(self, io: JobIO, output: Output) -> bool:
        """Each look is a new one."""
        return False

    def run(self, io: JobIO) -> Result:
        """Look, list, and remove if asked: what finds an output goes before the output, objects last."""
        since = datetime.now(UTC) - timedelta(days=self.keep_days)
        outputs = list(_published(io))
        entries = Ledger(io.store).entries()
        stays = held(io.outputs, io.tracking, CASCADE, entries, outputs, since)
        gone = may_go(outputs, since, stays.whole, stays.evidence)
        ids = {(output.job, output.id) for output in gone}
        stay = [output for output in outputs if (output.job, output.id) not in ids]
        versions = _versions(io, stay, stays.versions, since)
        objects = dict(_objects(io, stay, since))
        work = [key for folder in ("checkpoints/", RUNS, TOLD) for key, _ in _older(io, WORK, folder, since)]
        told = {
            "outputs": sorted(f"{job}/{name}" for job, name in ids),
            "objects": sorted(objects),
            "work_files": work,
            "model_versions": [f"{model}/{version}" for model, version in versions],
        }
        (io.out / "leftovers.json").write_text(json.dumps(told, indent=1))
        if self.remove:
            _remove_outputs(io, ids)
            for key in set(objects) - {key for output in _published(io) for _, key in output.objects}:
                io.store.remove(DATA, key)
            for key in work:
                io.store.remove(WORK, key)
            self._remove_versions(io, versions)
        counts = {name: len(found) for name, found in told.items()}
        megabytes = round(sum(objects.values()) / 1e6, 3)
        listed = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
        io.log(f"housekeeping: {listed}, {megabytes} MB: {'removed' if self.remove else 'listed, nothing removed'}")
        return self.Result(**counts, megabytes=megabytes, removed=self.remove)

    def _remove_versions(self, io: JobIO, versions: Versions) -> None:
        """Remove them; first their runs, which stay, are told."""
        told: dict[str, list[str]] = {}
        for (model, version), run in versions.items():
            told.setdefault(run, []).append(f"version {version} of {model}")
        for run, names in told.items():
            why = f"past {self.keep_days} days, and never in use"
            io.tracking.tag_run(run, REMOVED, f"{', '.join(names)} on {datetime.now(UTC):%Y-%m-%d}: {why}")
        for model, version in versions:
            io.tracking.client.delete_model_version(model, str(version))


def _published(io: JobIO) -> Iterable[Published]:
    for key in io.store.list(DATA, "outputs/"):
        yield Published.of(io.store.get_json(DATA, key))


def _older(io: JobIO, bucket: str, folder: str, since: datetime) -> Iterable[tuple[str, int]]:
    """Key and size of the objects that were last written before a moment."""
    for key, size, at in io.store.list_times(bucket, folder):
        if at < since:
            yield key, size


def _objects(io: JobIO, stay: list[Published], since: datetime) -> Iterable[tuple[str, int]]:
    """Key and size of old objects that no output that stays holds."""
    held = {key for output in stay for bucket, key in output.objects if bucket == DATA}
    return [(key, size) for key, size in _older(io, DATA, "sha256/", since) if key not in held]


def _versions(io: JobIO, stay: list[Published], used: frozenset[int], since: datetime) -> Versions:
    """Model versions that are old, have no alias, were never in use, and are no part of what stays."""
    client = io.tracking.client
    models = [found for found in client.search_registered_models() if found.name.startswith("oi-")]
    kept = {(CASCADE, version) for version in used}
    for model in models:
        kept |= {(model.name, int(version)) for version in model.aliases.values()}
    for output in stay:
        kept |= _versions_of(io, output)
    found = [one for model in models for one in client.search_model_versions(f"name = '{model.name}'")]
    tags = {(one.name, int(one.version)): one.tags for one in found}
    young = {(one.name, int(one.version)) for one in found if one.creation_timestamp >= 1000 * since.timestamp()}
    for cascade in (kept | young) & tags.keys():
        pinned = {name: value for name, value in tags[cascade].items() if value.startswith("version ")}
        kept |= {(name, int(value.removeprefix("version "))) for name, value in pinned.items()}
    runs = {(one.name, int(one.version)): one.run_id or "" for one in found}
    return {version: runs[version] for version in sorted(tags.keys() - kept - young)}


def _versions_of(io: JobIO, output: Published) -> set[tuple[str, int]]:
    """The model version that an output registered."""
    if output.job == "evaluate":
        return {(CASCADE, io.input(output.job, output.id).result["candidate"])}
    if output.job.startswith("train_"):
        result = io.input(output.job, output.id).result
        words = ["oi", output.job.removeprefix("train_"), result.get("cluster")]
        name = "-".join(word for word in words if word)
        return {(name, result["model_version"])}
    return set()


def _remove_outputs(io: JobIO, ids: set[tuple[str, str]]) -> None:
    for key in list(io.store.list(DATA, "keys/")):
        if (key.split("/")[1], io.store.get_json(DATA, key)["id"]) in ids:
            io.store.remove(DATA, key)
    for job, output_id in sorted(ids):
        io.store.remove(DATA, f"outputs/{job}/{output_id}.json")
