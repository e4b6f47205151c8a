"""The files of an Open Images release, told apart by their names."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from oi_tasks.io.sources import SourceFile

FileKind = Literal["boxes", "image_labels", "images", "descriptions", "hierarchy"]

PHOTO = re.compile(r"^(?P<split>[a-z]+)/(?P<name>[^/]+)$")
IMAGE_ID = re.compile(r"^[0-9a-f]{16}$")
ANNOTATION: tuple[tuple[FileKind, re.Pattern[str]], ...] = (
    ("boxes", re.compile(r"(?P<split>train|validation|test)-annotations-bbox\.csv$")),
    ("image_labels", re.compile(r"(?P<split>train|validation|test)-annotations-human-imagelabels-boxable\.csv$")),
    ("images", re.compile(r"(?P<split>train|validation|test)-images-boxable(-with-rotation)?\.csv$")),
    ("descriptions", re.compile(r"class-descriptions-boxable\.csv$")),
    ("hierarchy", re.compile(r"bbox_labels_600_hierarchy\.json$")),
)


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
    size: int

    @property
    def image_id(self) -> str:
        """The ImageID that the name gives, or an empty text where the name is no photo's."""
        stem, dot, ending = self.name.rpartition(".")
        return stem if dot and ending == "jpg" and IMAGE_ID.match(stem) else ""


def sort_out(files: Iterable[SourceFile], splits: Iterable[str]) -> tuple[list[AnnotationFile], list[PhotoFile]]:
    """Annotation files and photos of the wanted splits; anything else is left alone."""
    wanted = set(splits)
    annotation, photos = [], []
    for file in files:
        match = PHOTO.match(file.name)
        if match and match["split"] in wanted:
            photos.append(PhotoFile(match["split"], match["name"], file.size))
            continue
        for kind, pattern in ANNOTATION:
            found = pattern.search(file.name)
            split = (found.groupdict().get("split") or "") if found else ""
            if found and (not split or split in wanted):
                annotation.append(AnnotationFile(kind, split, file))
                break
    return annotation, photos
