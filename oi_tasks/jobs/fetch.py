"""Bring a release's annotation files into the store, and list its photos."""

import json
import tempfile
from pathlib import Path
from typing import Any, Self

from oi_tasks.core.fingerprint import content_key, sha256_of
from oi_tasks.errors import BadInput
from oi_tasks.io.release import sort_out
from oi_tasks.io.sources import Source, open_source
from oi_tasks.io.store import RAW, Store, photo_key
from oi_tasks.jobs.base import Job, JobIO, JobResult
from oi_tasks.profile import Drawn, Profile, ReleaseSpec

NEEDED = ("descriptions", "hierarchy")


class Fetch(Job):
    """Bring a release's annotation files into the store, and list its photos.

    Publishes `release.json` (the files by kind, split and source, each stored under its sha256) and `photos.parquet`
    (source, split, name, size of each file that stands where a photo should).
    """

    release: ReleaseSpec

    class Result(JobResult):
        """How much the release holds."""

        sources: int
        files: int
        photos: int

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's release."""
        return cls(**{"release": profile.release, **inputs})

    def source(self, io: JobIO) -> Any:
        """The listing of each folder: names, sizes and times of change."""
        if self.release.kind == "drawn":
            return None
        return [content_key({"files": [vars(file) for file in source.files()]}) for source in self._sources(io.store)]

    def run(self, io: JobIO) -> Result:
        """Read each source once. Raises BadInput for a source without photos or without a file that is needed."""
        import polars as pl

        sources = self._drawn_sources(io) if self.release.kind == "drawn" else self._sources(io.store)
        files: list[dict[str, Any]] = []
        photos: list[dict[str, Any]] = []
        for source in sources:
            annotation, found = sort_out(source.files(), self.release.splits)
            kinds: set[str] = {file.kind for file in annotation}
            self._demand(source, kinds, len(found))
            for file in annotation:
                data = source.read(file.file.name)
                sha256 = sha256_of(data)
                if not io.store.exists(RAW, photo_key(sha256)):
                    io.store.put_bytes(RAW, photo_key(sha256), data)
                facts = {"source": source.name, "kind": file.kind, "split": file.split, "name": file.file.name}
                files.append({**facts, "sha256": sha256, "size": len(data)})
            photos.extend({"source": source.name, **vars(photo)} for photo in found)
            io.log(f"fetch: {source.address}: {len(annotation)} annotation files, {len(found)} photos")
        addresses = {source.name: source.address for source in sources}
        (io.out / "release.json").write_text(
            json.dumps({"sources": addresses, "files": files}, indent=1, sort_keys=True)
        )
        pl.DataFrame(
            photos, schema={"source": pl.String, "split": pl.String, "name": pl.String, "size": pl.Int64}
        ).sort("source", "split", "name").write_parquet(io.out / "photos.parquet")
        return self.Result(sources=len(sources), files=len(files), photos=len(photos))

    def _sources(self, store: Store) -> list[Source]:
        if not self.release.folders:
            raise BadInput("the profile names no release", fix="give release.folders, or release.kind: drawn")
        sources = [open_source(store, folder) for folder in self.release.folders]
        if len({source.name for source in sources}) < len(sources):
            raise BadInput("two release folders have the same name", fix="rename one: photos are told apart by it")
        return sources

    def _drawn_sources(self, io: JobIO) -> list[Source]:
        prefix = f"drawn/{content_key(self.release.drawn.model_dump())}"
        done = f"{prefix}.done"
        if not io.store.exists(RAW, done):
            _draw(io, self.release.drawn, prefix)
            io.store.put_bytes(RAW, done, b"")
        return [open_source(io.store, f"store://{RAW}/{prefix}")]

    def _demand(self, source: Source, kinds: set[str], photos: int) -> None:
        where, splits = source.address, ", ".join(self.release.splits)
        if not photos:
            fix = "a release has its photos in a folder named as the split, such as train/"
            raise BadInput(f"the source has no photos of {splits}", where, fix, code="no_photos")
        missing = [kind for kind in NEEDED if kind not in kinds]
        if missing:
            raise BadInput(f"the source has no {' and no '.join(missing)} file", where, code="no_file")
        if not kinds & {"boxes", "image_labels"}:
            raise BadInput(f"the source has neither boxes nor image labels of {splits}", where, code="no_file")


def _draw(io: JobIO, spec: Drawn, prefix: str) -> None:
    """Draw a release and store it as a source that other pods can read."""
    from concurrent.futures import ThreadPoolExecutor

    from oi_tasks.drawn.release import draw_release

    with tempfile.TemporaryDirectory(dir=io.scratch) as name, io.progress("drawing", spec.photos) as progress:
        folder = Path(name) / "release"
        draw_release(folder, photos=spec.photos, seed=spec.seed, progress=progress.update)
        files = sorted(path for path in folder.rglob("*") if path.is_file())

        def put(path: Path) -> None:
            io.store.put_file(RAW, f"{prefix}/{path.relative_to(folder).as_posix()}", path)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, files))
