"""The files of an Open Images release, told apart by their names."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from oi_tasks.io.sources import SourceFile

FileKind = Literal["boxes", "image_labels", "machine_labels", "images", "descriptions", "hierarchy"]

PHOTO = re.compile(r"^(?P<split>[a-z]+)/(?P<name>[^/]+|.*\.\..*)$")  # a name that leads elsewhere is seen, and refused
IMAGE_ID = re.compile(r"^[0-9a-f]{16}$")
SPLIT = r"(?P<split>train|validation|val|test)"
SHORT = {"val": "validation"}  # as V7 names one file of image labels
OF_RELEASE = rf"(?:^|/)(?:oidv\d+-)?{SPLIT}"  # V6 and V7 put their version before the name
OF_CHALLENGE = rf"(?:^|/)challenge-\d{{4}}-{SPLIT}"
ANNOTATION: tuple[tuple[FileKind, re.Pattern[str]], ...] = (
    ("boxes", re.compile(rf"{OF_RELEASE}-annotations-bbox\.csv$")),
    ("boxes", re.compile(rf"{OF_CHALLENGE}-(?:annotations|detection)-bbox\.csv$")),
    ("image_labels", re.compile(rf"{OF_RELEASE}-annotations-human-imagelabels-boxable\.csv$")),
    ("image_labels", re.compile(rf"{OF_RELEASE}-annotations-human-imagelabels\.csv$")),
    ("image_labels", re.compile(rf"{OF_CHALLENGE}-(?:annotations|detection)-human-imagelabels\.csv$")),
    ("machine_labels", re.compile(rf"{OF_RELEASE}-annotations-machine-imagelabels\.csv$")),
    ("images", re.compile(rf"{OF_RELEASE}-images-boxable(?:-with-rotation)?\.csv$")),
    ("images", re.compile(rf"{OF_RELEASE}-images(?:-with-labels)?(?:-with-rotation)?\.csv$")),
    ("descriptions", re.compile(r"(?:^|/)(?:oidv\d+-)?class-descriptions-boxable\.csv$")),
    ("descriptions", re.compile(r"(?:^|/)challenge-\d{4}-class(?:es)?-descriptions?-500\.csv$")),
    ("hierarchy", re.compile(r"(?:^|/)bbox_labels_600_hierarchy\.json$")),
    ("hierarchy", re.compile(r"(?:^|/)(?:bbox_labels_500_hierarchy|challenge-\d{4}-label500-hierarchy)\.json$")),
)
"""The names of the files, and of each kind and split the one that is taken where several are there, best first."""


@dataclass(frozen=True)
class AnnotationFile:
    """A file of annotation: what it holds, of which split (empty: of all)."""

    kind: FileKind
    split: str
    file: SourceFile


@dataclass(frozen=True)
class PhotoFile:
    """A file that stands where a photo should: its split and its name without the folder."""

    split: str
    name: str
    size: int | None  # None: not known before it is read

    @property
    def image_id(self) -> str:
        """The ImageID that the name gives, or an empty text where the name is no photo's."""
        stem, dot, ending = self.name.rpartition(".")
        return stem if dot and ending == "jpg" and IMAGE_ID.match(stem) else ""


def sort_out(files: Iterable[SourceFile], splits: Iterable[str]) -> tuple[list[AnnotationFile], list[PhotoFile]]:
    """Annotation files and photos of the wanted splits; anything else is left alone."""
    wanted = set(splits)
    annotation: list[tuple[int, AnnotationFile]] = []
    photos = []
    for file in files:
        match = PHOTO.match(file.name)
        if match and match["split"] in wanted and not file.name.endswith((".csv", ".json")):
            photos.append(PhotoFile(match["split"], match["name"], file.size))
            continue
        for rank, (kind, pattern) in enumerate(ANNOTATION):
            found = pattern.search(file.name)
            split = (found.groupdict().get("split") or "") if found else ""
            split = SHORT.get(split, split)
            if found and (not split or split in wanted):
                annotation.append((rank, AnnotationFile(kind, split, file)))
                break
    best: dict[tuple[str, str], int] = {}
    for rank, one in annotation:
        best[one.kind, one.split] = min(rank, best.get((one.kind, one.split), rank))
    return [one for rank, one in annotation if rank == best[one.kind, one.split]], photos
