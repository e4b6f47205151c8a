"""Read a snapshot back: every object that it names, its photos and release files included."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import polars as pl

from oi_tasks.core.fingerprint import content_key
from oi_tasks.errors import BadInput
from oi_tasks.io.outputs import Manifest, ObjectRef
from oi_tasks.io.snapshots import PARTS, Snapshot
from oi_tasks.io.store import DATA, RAW, NotFound, Store, photo_key

THREADS = 8
ROUND = 512  # objects under way before the next are taken, which bounds memory


@dataclass(frozen=True)
class Differs:
    """An object that is not what the snapshot says: `problem` is missing, damaged, or unreadable."""

    what: str
    where: str
    problem: str
    detail: str = ""


@dataclass
class Verified:
    """What reading back found. `unread` names what could not be looked up, since what names it is damaged."""

    snapshot: str
    objects: int = 0
    size: int = 0
    differs: list[Differs] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all is as the snapshot says."""
        return not self.differs and not self.unread

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "ok": self.ok}


def verify(store: Store, snapshot: Snapshot, progress: Callable[[int], None] = lambda count: None) -> Verified:
    """Read back every object of a snapshot, in blocks, several at a time; `progress(1)` after each."""
    found = Verified(snapshot.id)
    own = f"snapshot/{snapshot.id}"
    _check_manifest(found, own, snapshot.output.manifest)
    _read(store, found, ((own + "/" + name, ref) for name, ref in snapshot.output.manifest.objects.items()), progress)
    if found.differs:
        found.unread.append("all that the snapshot names")
        return found
    _read(store, found, _named(snapshot), progress)
    broken = {one.what for one in found.differs} | set(_broken_parts(found, snapshot))
    lists: dict[str, Callable[[Snapshot], Iterator[tuple[str, ObjectRef]]]]
    lists = {"release/release.json": _release_files, "photos/photos.parquet": _photos}
    for name, listed in lists.items():
        if broken & {name, name.partition("/")[0]}:
            found.unread.append(f"what {name} names")
        else:
            _read(store, found, listed(snapshot), progress)
    return found


def _broken_parts(found: Verified, snapshot: Snapshot) -> Iterator[str]:
    """Names of the parts whose own manifest is gone or cannot be read."""
    for part, job in PARTS.items():
        one = f"{job}/{snapshot.named['outputs'][part]}"
        try:
            _check_manifest(found, one, snapshot.part(part).manifest)
        except BadInput:
            found.differs.append(Differs(f"the manifest of {one}", f"{DATA}/outputs/{one}.json", "missing"))
            yield part
        except ValueError:
            found.differs.append(Differs(f"the manifest of {one}", f"{DATA}/outputs/{one}.json", "unreadable"))
            yield part


def _check_manifest(found: Verified, what: str, manifest: Manifest) -> None:
    """The id of an output is the hash of what it holds: a manifest that was changed does not keep it."""
    content = {name: ref.sha256 for name, ref in manifest.objects.items()}
    if content_key({"job": manifest.job, "objects": content, "result": manifest.result}) != manifest.id:
        where = f"{DATA}/outputs/{what}.json"
        found.differs.append(Differs(f"the manifest of {what}", where, "damaged", "its id is not its hash"))


def _named(snapshot: Snapshot) -> Iterator[tuple[str, ObjectRef]]:
    for name, ref in snapshot.named["objects"].items():
        yield name, ObjectRef.model_validate(ref)


def _release_files(snapshot: Snapshot) -> Iterator[tuple[str, ObjectRef]]:
    for file in snapshot.release["files"]:
        key = photo_key(file["sha256"])
        name = f"release file {file['source']}/{file['name']}"
        yield name, ObjectRef(bucket=RAW, key=key, sha256=file["sha256"], size=file["size"])


def _photos(snapshot: Snapshot) -> Iterator[tuple[str, ObjectRef]]:
    photos = pl.scan_parquet(snapshot.part("photos").local("photos.parquet")).filter(pl.col("reason").is_null())
    for image_id, sha256, size in photos.select("ImageID", "sha256", "size").collect().iter_rows():
        yield f"photo {image_id}", ObjectRef(bucket=RAW, key=photo_key(sha256), sha256=sha256, size=size)


def _read(
    store: Store, found: Verified, named: Iterable[tuple[str, ObjectRef]], progress: Callable[[int], None]
) -> None:
    waiting = iter(named)
    with ThreadPoolExecutor(THREADS) as pool:
        while batch := list(islice(waiting, ROUND)):
            for differs, (_, ref) in zip(pool.map(lambda one: _differs(store, *one), batch), batch, strict=True):
                found.objects += 1
                found.size += ref.size
                found.differs += [differs] if differs else []
                progress(1)


def _differs(store: Store, what: str, ref: ObjectRef) -> Differs | None:
    where = f"{ref.bucket}/{ref.key}"
    try:
        sha256, size = store.digest(ref.bucket, ref.key)
    except NotFound:
        return Differs(what, where, "missing")
    if size != ref.size:
        return Differs(what, where, "damaged", f"{size} bytes where {ref.size} were published")
    return None if sha256 == ref.sha256 else Differs(what, where, "damaged", "its sha256 is another")
