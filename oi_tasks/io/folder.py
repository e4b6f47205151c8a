"""A folder in the form of a release, read as it stands: its photos, and what is known of them in a model's classes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from oi_tasks.errors import BadInput
from oi_tasks.io.ahead import map_ahead
from oi_tasks.io.photo_check import PHOTO_SCHEMA, check_photo
from oi_tasks.io.release import AnnotationFile, PhotoFile, sort_out
from oi_tasks.io.samples import join_samples
from oi_tasks.io.sources import FolderSource
from oi_tasks.io.tables import Rows, open_table

SPLITS = ("test", "validation", "train")  # which one is scored of a folder that holds several
THREADS, AHEAD = 4, 64
TABLES = ("boxes", "image_labels", "descriptions")


@dataclass(frozen=True)
class ReleaseFolder:
    """One split of a folder: the photos that show, or are verified not to show, a model's classes, and the rest."""

    folder: Path
    split: str
    samples: pl.DataFrame
    """A row a photo, as `join_samples` makes it."""
    unreadable: dict[str, str]
    """Files that stand where a photo should and are none: the reason by name."""
    unlabelled: int
    """Photos without a label of any class."""
    uncovered: dict[str, int]
    """Labels that no class covers: how many photos show each, by name."""
    missing: int
    """Photos that the annotation names and the folder lacks."""
    bad_lines: int
    """Lines of annotation that cannot be read."""

    def photo(self, image_id: str) -> bytes:
        """The bytes of a photo."""
        return (self.folder / self.split / f"{image_id}.jpg").read_bytes()


def split_in(folder: Path, wanted: str) -> tuple[str, str]:
    """The split to score, and a note where it is not the one to expect: what is wanted, else test, validation, train.

    Raises BadInput when the folder is none, or has no photos of that split.
    """
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}", fix="give a folder in the form of a release", code="no_folder")
    there = [name for name in SPLITS if any((folder / name).glob("*.jpg"))]
    if not there:
        fix = "a release has its photos in test/, validation/ or train/, as <ImageID>.jpg"
        raise BadInput("the folder has no photos", where=str(folder), fix=fix, code="no_photos")
    if wanted and wanted not in there:
        fix = f"it has photos of {' and '.join(there)}"
        raise BadInput(
            f"the folder has no photos of the split {wanted!r}", where=str(folder), fix=fix, code="no_photos"
        )
    chosen = wanted or there[0]
    return chosen, "" if wanted or chosen == "test" else f"the folder has no test photos: those of {chosen} are scored"


@dataclass(frozen=True)
class FolderAnnotation:
    """What the files of one split say, and which photos lie beside them."""

    folder: Path
    split: str
    files: list[PhotoFile]
    boxes: pl.DataFrame
    image_labels: pl.DataFrame
    names: dict[str, str]
    becomes: dict[str, int]
    rules_out: list[tuple[str, int]]
    bad_lines: int

    @property
    def nothing(self) -> BadInput:
        """What is wrong when no photo has a label of a class."""
        found = {*self.boxes["LabelName"], *self.image_labels["LabelName"]}
        seen = ", ".join(self.names.get(label, label) for label in sorted(found)[:3])
        fix = f"its labels are {seen}, …" if seen else "see that its annotation names the photos that it holds"
        return BadInput(
            "no photo of the folder has a label of one of the model's classes", str(self.folder), fix, code="no_data"
        )


def read_annotation(
    folder: Path,
    split: str,
    classes: Sequence[str],
    labels: Mapping[str, str],
    ancestors: Mapping[str, Sequence[str]],
) -> FolderAnnotation:
    """Read the tables of one split under a model's class map: `labels`, the class of each label that has one, and
    `ancestors`, what each class is a kind of. Both by MID.

    Raises BadInput when the split has no annotation, or none of its labels is of a class.
    """
    annotation, files = sort_out(FolderSource(str(folder)).files(), (split,))
    if not any(file.kind in ("boxes", "image_labels") for file in annotation):
        fix = f"name them {split}-annotations-human-imagelabels-boxable.csv or {split}-annotations-bbox.csv"
        raise BadInput(
            f"the folder has neither image labels nor boxes of {split}", where=str(folder), fix=fix, code="no_file"
        )
    read = {kind: _read(folder, annotation, kind) for kind in TABLES}
    boxes, image_labels = (read[kind][0] for kind in ("boxes", "image_labels"))
    index = {label: place for place, label in enumerate(classes)}
    becomes = {label: index[cls] for label, cls in labels.items() if cls in index} | index
    rules_out = [(label, place) for own, place in index.items() for label in (own, *ancestors.get(own, ()))]
    names, bad = dict(read["descriptions"][0].iter_rows()), sum(bad for _, bad in read.values())
    found = FolderAnnotation(folder, split, files, boxes, image_labels, names, becomes, rules_out, bad)
    judged = {*becomes, *(label for label, _ in rules_out)}
    if not judged & {*boxes["LabelName"], *image_labels["LabelName"]}:
        raise found.nothing
    return found


def read_photos(annotation: FolderAnnotation, advance: Callable[[int], object]) -> ReleaseFolder:
    """Look at each photo once, and join what is known of it. Raises BadInput when no photo has a label of a class."""
    photos = _photos(annotation.folder, annotation.files, advance)
    good = photos.filter(pl.col("reason").is_null())
    boxes, image_labels = annotation.boxes, annotation.image_labels
    samples = join_samples(good, boxes, image_labels, annotation.becomes, annotation.rules_out)
    if samples.is_empty():
        raise annotation.nothing
    annotated = pl.concat([boxes.select("ImageID"), image_labels.select("ImageID")]).unique()
    uncovered = _uncovered(boxes, image_labels, annotation.becomes)
    return ReleaseFolder(
        annotation.folder,
        annotation.split,
        samples.sort("ImageID"),
        dict(photos.filter(pl.col("reason").is_not_null()).select("ImageID", "reason").iter_rows()),
        len(good) - len(samples),
        {annotation.names.get(label, label): count for label, count in uncovered.iter_rows()},
        annotated.join(photos, on="ImageID", how="anti").height,
        annotation.bad_lines,
    )


def _uncovered(boxes: pl.DataFrame, image_labels: pl.DataFrame, becomes: Mapping[str, int]) -> pl.DataFrame:
    """The labels that no class covers: LabelName, and `len`, the photos that show it."""
    verified = image_labels.filter(pl.col("Confidence") >= 1)
    shown = pl.concat([boxes.select("ImageID", "LabelName"), verified.select("ImageID", "LabelName")]).unique()
    return shown.filter(~pl.col("LabelName").is_in(list(becomes))).group_by("LabelName").len().sort("LabelName")


def _read(folder: Path, annotation: Iterable[AnnotationFile], kind: str) -> tuple[pl.DataFrame, int]:
    """The rows of all files of a kind, and how many lines cannot be read."""
    paths = [folder / file.file.name for file in annotation if file.kind == kind]
    rows = Rows(kind, [open_table(path, kind, str(path)) for path in paths])
    return rows.whole(), rows.unreadable.height


def _photos(folder: Path, files: Sequence[PhotoFile], advance: Callable[[int], object]) -> pl.DataFrame:
    """A row for each file that stands where a photo should, with the reason why it is none."""

    def facts(file: PhotoFile) -> dict[str, Any]:
        row: dict[str, Any] = {"ImageID": file.image_id or file.name, "split": file.split}
        if not file.image_id:
            return row | {"reason": "bad_name"}
        return row | check_photo((folder / file.split / file.name).read_bytes(), None, None)

    rows = []
    for row in map_ahead(facts, files, THREADS, AHEAD):
        rows.append(row)
        advance(1)
    return pl.DataFrame(rows, schema=PHOTO_SCHEMA)
