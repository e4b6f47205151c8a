"""Bring a release's annotation files into the store, and list its photos."""

import fcntl
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self

from oi_tasks.core.fingerprint import content_key, sha256_of_file
from oi_tasks.errors import BadInput
from oi_tasks.io.download import Expected
from oi_tasks.io.release import AnnotationFile, PhotoFile, sort_out
from oi_tasks.io.sources import Source, SourceFile, open_source
from oi_tasks.io.store import RAW, NotFound, photo_key
from oi_tasks.jobs.base import Job, JobIO, JobResult
from oi_tasks.profile import Drawn, PhotoChoice, Profile, ReleaseSpec

NEEDED = ("descriptions", "hierarchy")
PUBLISHED = "published"  # the name of a source whose photos lie at the root of a server


@dataclass(frozen=True)
class _Found:
    """What one source holds: each file of annotation with the source that has it, and the photos it lists."""

    name: str
    address: str
    files: list[tuple[Source, AnnotationFile, Expected]]
    photos: list[PhotoFile]


class Fetch(Job):
    """Bring a release's annotation files into the store, and list its photos.

    Publishes `release.json` (the files by kind, split and source, each stored under its sha256) and `photos.parquet`
    (source, split, name, size of each photo that should be there). A file that has not changed is not fetched again.
    """

    version: ClassVar[str] = "2"
    release: ReleaseSpec

    class Result(JobResult):
        """How much the release holds."""

        sources: int
        files: int
        photos: int

    @classmethod
    def from_profile(cls, profile: Profile, **inputs: Any) -> Self:
        """The profile's release; which photos are taken of it is decided later."""
        release = profile.release
        chosen = PhotoChoice(address=release.photos.address)
        return cls(**{"release": release.model_copy(update={"photos": chosen}), **inputs})

    def source(self, io: JobIO) -> Any:
        """The listing of each source: names, sizes and what changes when a file does."""
        if self.release.kind == "drawn":
            return None
        if self.release.kind == "published":
            # Where a server tells nothing that would change, the file may have.
            now = datetime.now(UTC).isoformat()
            files = [(address, vars(file), file.stamp or now) for address, _, file, _ in self._published(io)]
            return content_key({"files": files})
        return [content_key({"files": [vars(file) for file in source.files()]}) for source in self._folders(io)]

    def run(self, io: JobIO) -> Result:
        """Read each source once. Raises BadInput for a source without photos or without a file that is needed."""
        import polars as pl

        files: list[dict[str, Any]] = []
        photos: list[dict[str, Any]] = []
        addresses: dict[str, str] = {}
        for found in self._found(io):
            self._demand(found, {file.kind for _, file, _ in found.files})
            for source, file, expected in found.files:
                facts = {"source": found.name, "kind": file.kind, "split": file.split, "name": file.file.name}
                files.append({**facts, **_bring(io, source, file.file, expected)})
            listed = found.photos if self.release.kind != "published" else self._listed(io, files)
            self._demand_photos(found, len(listed))
            photos.extend({"source": found.name, **vars(photo)} for photo in listed)
            addresses[found.name] = found.address
            io.log(f"fetch: {found.address}: {len(found.files)} annotation files, {len(listed)} photos")
        text = json.dumps({"sources": addresses, "files": files}, indent=1, sort_keys=True)
        (io.out / "release.json").write_text(text)
        schema = {"source": pl.String, "split": pl.String, "name": pl.String, "size": pl.Int64}
        table = pl.DataFrame(photos, schema=schema).sort("source", "split", "name")
        table.write_parquet(io.out / "photos.parquet")
        return self.Result(sources=len(addresses), files=len(files), photos=len(photos))

    def _found(self, io: JobIO) -> Iterator[_Found]:
        if self.release.kind == "published":
            address = self.release.photos.address.rstrip("/")
            name = address.rpartition("/")[2] or PUBLISHED
            files: list[tuple[Source, AnnotationFile, Expected]] = []
            for _, source, file, expected in self._published(io):
                known, _ = sort_out([file], self.release.splits)
                files += [(source, one, expected) for one in known]
            yield _Found(name, address, files, [])
            return
        for source in self._drawn(io) if self.release.kind == "drawn" else self._folders(io):
            annotation, photos = sort_out(source.files(), self.release.splits)
            yield _Found(source.name, source.address, [(source, file, Expected()) for file in annotation], photos)

    def _folders(self, io: JobIO) -> list[Source]:
        if not self.release.folders:
            raise BadInput(
                "the profile names no release", fix="give release.folders, or release.kind: drawn", code="source"
            )
        sources = [open_source(io.store, folder, io.settings) for folder in self.release.folders]
        if len({source.name for source in sources}) < len(sources):
            raise BadInput(
                "two release folders have the same name", fix="rename one: photos are told apart by it", code="source"
            )
        return sources

    def _published(self, io: JobIO) -> Iterator[tuple[str, Source, SourceFile, Expected]]:
        """Each published file: its address, its source, its name there with size and stamp, what is known about it."""
        if not self.release.files or not self.release.photos.address:
            fix = "release.kind: published needs release.files and release.photos.address"
            raise BadInput("the profile does not say where the release lies", fix=fix, code="source")
        for file in self.release.files:
            base, _, name = file.address.rpartition("/")
            source = open_source(io.store, base, io.settings)
            try:
                facts = source.facts(name)
            except FileNotFoundError:
                raise BadInput(
                    "there is no such file", file.address, "correct it in the profile's release.files", code="no_file"
                ) from None
            yield file.address, source, facts, Expected(file.size, file.md5, file.sha256)

    def _drawn(self, io: JobIO) -> list[Source]:
        prefix = f"drawn/{content_key(self.release.drawn.model_dump())}"
        done = f"{prefix}.done"
        if not io.store.exists(RAW, done):
            _draw(io, self.release.drawn, prefix)
            io.store.put_bytes(RAW, done, b"")
        return [open_source(io.store, f"store://{RAW}/{prefix}", io.settings)]

    def _listed(self, io: JobIO, files: list[dict[str, Any]]) -> list[PhotoFile]:
        """The photos that the release's own lists name: a web address cannot be listed."""
        from oi_tasks.io.tables import Rows, open_table

        lists = [file for file in files if file["kind"] == "images"]
        if not lists:
            raise BadInput(
                "the release has no list of photos",
                fix="name train-images-boxable.csv in release.files",
                code="no_file",
            )
        opened = []
        for file in lists:
            path = io.scratch / file["sha256"]
            io.store.get_file(RAW, photo_key(file["sha256"]), path)
            opened.append(open_table(path, "images", file["name"]))
        wanted = list(self.release.splits)
        return [
            PhotoFile(split, f"{image_id}.jpg", None)
            for frame in Rows("images", opened).frames()
            for image_id, split in frame.select("ImageID", "Subset").iter_rows()
            if split in wanted
        ]

    def _demand_photos(self, found: _Found, photos: int) -> None:
        if not photos:
            what = f"the source has no photos of {', '.join(self.release.splits)}"
            fix = "a release has its photos in a folder named as the split, such as train/"
            raise BadInput(what, found.address, fix, code="no_photos")

    def _demand(self, found: _Found, kinds: set[str]) -> None:
        if self.release.kind != "published":
            self._demand_photos(found, len(found.photos))
        missing = [kind for kind in NEEDED if kind not in kinds]
        if missing:
            raise BadInput(f"the source has no {' and no '.join(missing)} file", found.address, code="no_file")
        if not kinds & {"boxes", "image_labels"}:
            what = f"the source has neither boxes nor image labels of {', '.join(self.release.splits)}"
            raise BadInput(what, found.address, code="no_file")


def _bring(io: JobIO, source: Source, file: SourceFile, expected: Expected) -> dict[str, Any]:
    """Store a file by its content, unless it is there and has not changed since. Returns its sha256 and size."""
    address = f"{source.address}/{file.name}"
    memory = f"fetched/{content_key({'address': address})}.json"
    path = io.settings.cache / "downloads" / content_key({"address": address}) / Path(file.name).name
    with _alone(path):
        known = _known(io, memory, file, expected)
        if known:
            return known
        found = source.local(file.name, path, expected)
        sha256, size = sha256_of_file(found), found.stat().st_size
        if not _stored(io, sha256):
            io.store.put_file(RAW, photo_key(sha256), found)
        facts = {"sha256": sha256, "size": size}
        io.store.put_json(RAW, memory, {**facts, "address": address, "stamp": file.stamp})
        path.unlink(missing_ok=True)
        io.log(f"fetch: {address}: {size} bytes, sha256 {sha256}")
        return facts


def _known(io: JobIO, memory: str, file: SourceFile, expected: Expected) -> dict[str, Any] | None:
    """What is known of a file that need not be fetched again: its stamp and size are those of the last time."""
    try:
        known = io.store.get_json(RAW, memory)
    except NotFound:
        return None
    same = bool(file.stamp) and known["stamp"] == file.stamp and known["size"] == file.size
    as_published = expected.sha256 in (None, known["sha256"]) and expected.size in (None, known["size"])
    if not (same and as_published and _stored(io, known["sha256"])):
        return None
    return {"sha256": known["sha256"], "size": known["size"]}


def _stored(io: JobIO, sha256: str) -> bool:
    """Whether the store has a file; a forced job reads it back, and takes a damaged one for none."""
    key = photo_key(sha256)
    return io.store.holds(RAW, key, sha256) if io.force else io.store.exists(RAW, key)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One run at a time fetches a file to a path of this machine; another waits, and finds it stored."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name("lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


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
