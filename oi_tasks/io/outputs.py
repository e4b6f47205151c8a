"""Published outputs: objects stored by content, a manifest that names them, and keys that find a manifest again.

An output exists once its manifest does; the manifest is written last. Its id is the hash of what it holds, so a step
that is run again and makes the same thing keeps the same id, and the steps after it are reused.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import get_ident
from typing import Any

from pydantic import BaseModel, ConfigDict

from oi_tasks.core.cost import Used
from oi_tasks.core.fingerprint import content_key, sha256_of, sha256_of_file
from oi_tasks.errors import BadInput, OiError
from oi_tasks.io.store import DATA, NotFound, Store, photo_key

UPLOADS = 8
CACHE_LIMIT = 20 << 30  # bytes; `OI_CACHE_LIMIT` where a job runs


class ObjectRef(BaseModel):
    """One stored object: where it lies and what it must hold."""

    model_config = ConfigDict(frozen=True)
    bucket: str
    key: str
    sha256: str
    size: int


class Manifest(BaseModel):
    """What a step made, from what, and when."""

    model_config = ConfigDict(frozen=True)
    id: str
    job: str
    version: str
    key: str
    fields: dict[str, Any]
    objects: dict[str, ObjectRef]
    result: dict[str, Any]
    produced: dict[str, Any]


def manifest_key(job: str, output_id: str) -> str:
    """Where the manifest of an output stands in the data bucket."""
    return f"outputs/{job}/{output_id}.json"


class Output:
    """A published output, read through its manifest.

    `cache` is the folder of local copies, of all outputs; `cache_limit` how many bytes of shards it may hold.
    """

    def __init__(self, store: Store, cache: Path, manifest: Manifest, cache_limit: int = CACHE_LIMIT) -> None:
        self._store, self.manifest = store, manifest
        self.cache, self.cache_limit = cache / "objects", cache_limit

    @property
    def job(self) -> str:
        """The job that made it."""
        return self.manifest.job

    @property
    def id(self) -> str:
        """The hash of what it holds."""
        return self.manifest.id

    @property
    def result(self) -> dict[str, Any]:
        """The small result that the job returned."""
        return self.manifest.result

    def names(self, prefix: str = "") -> list[str]:
        """Names of its objects, in order."""
        return sorted(name for name in self.manifest.objects if name.startswith(prefix))

    def read_bytes(self, name: str) -> bytes:
        """The bytes of one object, checked against the manifest."""
        ref = self._ref(name)
        data = self._store.get_bytes(ref.bucket, ref.key)
        if sha256_of(data) != ref.sha256:
            raise _damaged(self, name, ref)
        return data

    def read_json(self, name: str) -> Any:
        """One object as JSON."""
        return json.loads(self.read_bytes(name))

    def local(self, name: str) -> Path:
        """One object as a local file, fetched once into the cache and checked. The file keeps the name's ending."""
        ref = self._ref(name)
        path = self.cache / ref.sha256[:2] / (ref.sha256 + Path(name).suffix)
        if not path.exists():
            part = path.with_name(f"{path.name}.{os.getpid()}-{get_ident()}.part")
            self._store.get_file(ref.bucket, ref.key, part)
            if sha256_of_file(part) != ref.sha256:
                part.unlink()
                raise _damaged(self, name, ref)
            part.replace(path)
        return path

    def _ref(self, name: str) -> ObjectRef:
        if name not in self.manifest.objects:
            raise BadInput(
                f"the output {self.job}/{self.id} holds no {name}",
                fix="run the job again with --force",
                code="not_found",
            )
        return self.manifest.objects[name]


def _damaged(output: Output, name: str, ref: ObjectRef) -> OiError:
    return OiError(
        f"{name} of {output.job}/{output.id} is not what was published: its sha256 differs",
        where=f"{ref.bucket}/{ref.key}",
        fix=f"run {output.job} again with --force",
        code="damaged",
    )


class Outputs:
    """All published outputs of a store."""

    def __init__(self, store: Store, cache: Path, cache_limit: int = CACHE_LIMIT) -> None:
        self.store, self.cache, self.cache_limit = store, cache, cache_limit

    def get(self, job: str, output_id: str) -> Output:
        """The output with that id. Raises BadInput when it was never published."""
        try:
            manifest = self.store.get_json(DATA, manifest_key(job, output_id))
        except NotFound:
            fix = f"run `oi {job}` first, or check the id; housekeeping removes what is old and not in use"
            raise BadInput(
                f"no output {output_id!r} of {job} is published", self.store.endpoint, fix, code="not_found"
            ) from None
        return Output(self.store, self.cache, Manifest.model_validate(manifest), self.cache_limit)

    def find(self, job: str, key: str) -> Output | None:
        """The output that was made under a content key, if any."""
        try:
            found = self.store.get_json(DATA, f"keys/{job}/{key}.json")
        except NotFound:
            return None
        try:
            return self.get(job, found["id"])
        except BadInput:  # the key outlived it: it is to be made again
            return None

    def list(self, job: str) -> Iterator[str]:
        """Ids of all published outputs of a job."""
        for key in self.store.list(DATA, f"outputs/{job}/"):
            yield Path(key).stem

    def newest(self, job: str, count: int) -> Iterator[Output]:
        """The outputs of a job that were published last, newest first."""
        for key in self.store.newest(DATA, f"outputs/{job}/", count):
            yield self.get(job, Path(key).stem)

    def publish(
        self,
        job: str,
        version: str,
        key: str,
        fields: Mapping[str, Any],
        folder: Path,
        result: Mapping[str, Any],
        produced: Mapping[str, Any],
        used: Callable[[], Used] = Used,
        *,
        mend: bool = False,
    ) -> Output:
        """Store every file below a folder, then the manifest, then the key that finds it.

        `used` tells what the making took, with the storing of its files. `mend`: what the store has of them already is
        read back, and written anew where it is damaged.
        """
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        with ThreadPoolExecutor(UPLOADS) as pool:
            refs = list(pool.map(lambda path: self._put(path, mend), files))
        objects = {path.relative_to(folder).as_posix(): ref for path, ref in zip(files, refs, strict=True)}
        content = {name: ref.sha256 for name, ref in objects.items()}
        output_id = content_key({"job": job, "objects": content, "result": dict(result)})
        manifest = Manifest(
            id=output_id,
            job=job,
            version=version,
            key=key,
            fields=dict(fields),
            objects=objects,
            result=dict(result),
            produced={**produced, "used": used().plain()},
        )
        body = json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True).encode()
        self.store.put_if_absent(DATA, manifest_key(job, output_id), body)
        self.store.put_json(DATA, f"keys/{job}/{key}.json", {"id": output_id})
        return self.get(job, output_id)

    def _put(self, path: Path, mend: bool) -> ObjectRef:
        sha256, size = sha256_of_file(path), path.stat().st_size
        key = photo_key(sha256)
        there = self.store.holds(DATA, key, sha256) if mend else self.store.exists(DATA, key)
        if not there:
            self.store.put_file(DATA, key, path)
        return ObjectRef(bucket=DATA, key=key, sha256=sha256, size=size)
