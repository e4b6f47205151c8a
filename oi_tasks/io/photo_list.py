"""The photos that a command's words name: files, folders, and addresses of the store."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from oi_tasks.errors import BadInput
from oi_tasks.io.store import Store

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")  # of photos in folders
STORE = ("s3://", "store://")


@dataclass(frozen=True)
class PhotoAt:
    """A photo, not yet read: its address, and its id, which is the file's name without its ending."""

    address: str
    read: Callable[[], bytes]

    @property
    def id(self) -> str:
        """The ImageID."""
        return PurePosixPath(self.address).stem


def list_photos(words: Sequence[str], store: Callable[[], Store]) -> list[PhotoAt]:
    """The photos of files, of folders with all below them, and of `s3://bucket/key` or `s3://bucket/prefix/`.

    A file named by itself is taken whatever its ending. Raises BadInput for a word that leads to no photo. `store` is
    asked for when an address needs it.
    """
    photos: list[PhotoAt] = []
    for word in words:
        found = list(_in_store(word, store()) if word.startswith(STORE) else _on_disk(word))
        if not found:
            raise BadInput(f"there is no photo in {word}", fix=f"photos end in {', '.join(ENDINGS)}", code="no_photos")
        photos += found
    return photos


def _on_disk(word: str) -> Iterator[PhotoAt]:
    path = Path(word).expanduser()
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.suffix.lower() in ENDINGS and file.is_file():
                yield PhotoAt(str(file), file.read_bytes)
    elif path.is_file():
        yield PhotoAt(word, path.read_bytes)
    else:
        raise BadInput(
            f"there is no photo or folder {word}", fix="addresses of the store begin with s3://", code="no_file"
        )


def _in_store(word: str, store: Store) -> Iterator[PhotoAt]:
    scheme, _, rest = word.partition("://")
    bucket, _, key = rest.partition("/")
    if not bucket:
        raise BadInput(f"{word} names no bucket", fix="write s3://bucket/key", code="usage")
    if key and not key.endswith("/"):
        if not store.exists(bucket, key):
            raise BadInput(f"the store has no object {word}", store.endpoint, "end a prefix with a /", code="not_found")
        yield PhotoAt(word, partial(store.get_bytes, bucket, key))
        return
    for name in store.list(bucket, key):
        if PurePosixPath(name).suffix.lower() in ENDINGS:
            yield PhotoAt(f"{scheme}://{bucket}/{name}", partial(store.get_bytes, bucket, name))
