"""`oi predict`: boxes in photos, by the cascade that is in use, or by another model."""

import csv
import io
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oi_tasks.commands import for_example
from oi_tasks.commands.terminal import terminal
from oi_tasks.errors import BadInput, OiError, in_line
from oi_tasks.settings import settings

if TYPE_CHECKING:
    from oi_tasks.io.photo_list import PhotoAt
    from oi_tasks.models.predictor import PhotoPrediction, Predictor

app = typer.Typer()
CHAMPION = "models:/oi-cascade@champion"
THREADS, AHEAD = 4, 64  # that read and decode; photos that wait
COLUMNS = ("ImageID", "LabelName", "Score", "XMin", "XMax", "YMin", "YMax")
DIGITS = 6


@dataclass(frozen=True)
class Predicted:
    """A photo with its boxes, or the reason why there are none."""

    photo: "PhotoAt"
    data: bytes = b""
    found: "PhotoPrediction | None" = None
    reason: str = ""


@dataclass
class Summary:
    """What the photos together say."""

    photos: int = 0
    with_boxes: int = 0
    boxes: int = 0
    ran: int = 0
    left_out: list[str] = field(default_factory=list)


@app.command(
    "predict",
    epilog=for_example(
        "oi predict photo.jpg pictures --draw drawn", "oi predict pictures --model models:/oi-cascade/3 --out boxes.csv"
    ),
    rich_help_panel="Models",
)
def predict(
    photos: Annotated[list[str], typer.Argument(help="files, folders, or s3://bucket/key of the store")],
    model: Annotated[str, typer.Option("--model", help="address in the registry, or a folder")] = CHAMPION,
    draw: Annotated[Path | None, typer.Option("--draw", help="folder for pictures of boxes, masks and routing")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print a JSON line for each box, not a table")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="write the boxes to a file: CSV if it ends so, else JSON lines")
    ] = None,
) -> None:
    """Find objects in photos. A photo that cannot be read is told, and the others go on; exit status 2 if all are."""
    from oi_tasks.io.photo_list import list_photos
    from oi_tasks.io.store import Store
    from oi_tasks.io.whole_file import check_writable
    from oi_tasks.models.opening import open_model

    if out:
        check_writable(out)
    listed = list_photos(photos, lambda: Store(settings()))
    with tempfile.TemporaryDirectory(prefix="oi-predict-") as scratch:
        opened, name = open_model(model, settings(), Path(scratch))
    if not opened.finds_boxes:
        fix = "take one that has clusters, such as models:/oi-cascade@champion"
        raise BadInput("the model finds no boxes: it has no cluster that does", name, fix, code="no_model")
    if (out or as_json) and (twice := [name for name, times in Counter(one.id for one in listed).items() if times > 1]):
        shown = f"{len(twice)} names, such as {in_line(twice[0])}, are of several photos"
        typer.echo(f"oi: {shown}: the boxes of these cannot be told apart by ImageID", err=True)
    rows, summary = _found(opened, listed, _Pictures(draw, opened) if draw else None, as_json)
    if out:
        _write(out, rows)
    if not as_json:
        _show(rows)
    _say(summary, opened)
    if len(summary.left_out) == len(listed):
        raise BadInput(
            f"none of the {len(listed)} photos can be read", fix="each one's reason stands above", code="no_photos"
        )


def _found(
    model: "Predictor", photos: "list[PhotoAt]", pictures: "_Pictures | None", as_json: bool
) -> tuple[list[dict[str, Any]], Summary]:
    """All boxes, and what the photos together say; each photo is drawn and printed as soon as it is done."""
    rows: list[dict[str, Any]] = []
    summary = Summary()
    for one in _predict(model, photos):
        _count(summary, one)
        if one.found is None:
            continue
        found = _rows(one.photo.id, one.found, model)
        rows += found
        if pictures:
            pictures.add(one)
        if as_json:
            for row in found:
                print(json.dumps(row), flush=True)
    return rows, summary


def _predict(model: "Predictor", photos: "list[PhotoAt]") -> "Iterator[Predicted]":
    """Read, decode and predict, batch by batch, in order."""
    from oi_tasks.io import photo_check  # noqa: F401 - with it, Pillow's own warning of large photos is silent
    from oi_tasks.io.ahead import map_ahead
    from oi_tasks.io.progress import ProgressLine
    from oi_tasks.models.predictor import BATCH

    def read(photo: "PhotoAt") -> tuple[bytes, Any, str]:
        data = None
        try:
            data = photo.read()
            return data, model.squashed(data), ""
        except Exception as error:  # whatever is wrong with one photo, the others go on
            return b"", None, _reason(data, error)

    waiting: list[Predicted] = []
    images: list[Any] = []
    with ProgressLine("predict", len(photos), "photos") as line:
        for place, (photo, (data, image, reason)) in enumerate(
            zip(photos, map_ahead(read, photos, THREADS, AHEAD), strict=True), start=1
        ):
            waiting.append(Predicted(photo, data, reason=reason))
            images += [] if image is None else [image]
            if len(waiting) == BATCH or place == len(photos):
                answers = iter(model.predict_images(images))
                for one in waiting:
                    yield one if one.reason else Predicted(one.photo, one.data, next(answers))
                line.update(len(waiting))
                waiting, images = [], []


def _reason(data: bytes | None, error: Exception) -> str:
    """Why a photo cannot be used: in the words that the quality report has for it, where it could be read at all."""
    from oi_tasks.io.photo_check import check_photo

    found = None if data is None else check_photo(data, None, None)["reason"]
    return str(found).replace("_", " ") if found else " ".join(f"{type(error).__name__}: {error}".split())


def _rows(image_id: str, found: "PhotoPrediction", model: "Predictor") -> list[dict[str, Any]]:
    """The boxes of a photo in Open Images' own columns, with the class's name and the cluster that found it."""
    names = dict(zip(model.classes, model.meta.names, strict=True))
    rows = []
    for box in found.boxes:
        left, top, right, bottom = (round(edge, DIGITS) for edge in box.box)
        values = (image_id, box.label, round(box.score, DIGITS), left, right, top, bottom)
        named = {"Name": names[box.label], "Cluster": box.cluster}
        rows.append({**dict(zip(COLUMNS, values, strict=True)), **named})
    return rows


class _Pictures:
    """Pictures in a folder, named as their photos; a name that is taken gets a number."""

    def __init__(self, folder: Path, model: "Predictor") -> None:
        self.folder, self.model, self.taken = folder, model, set[str]()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(
                f"the folder for pictures cannot be made: {error.strerror}", where=str(folder), code="cannot_write"
            ) from None

    def add(self, one: Predicted) -> None:
        """Draw one."""
        from oi_tasks.io.disk import told_when_unwritable
        from oi_tasks.models.drawing import draw

        assert one.found is not None
        names = chain([one.photo.id], (f"{one.photo.id}-{number}" for number in count(2)))
        name = next(name for name in names if name not in self.taken)
        self.taken.add(name)
        made, path = io.BytesIO(), self.folder / f"{name}.jpg"
        draw(one.data, one.found, self.model).save(made, "JPEG", quality=90)
        try:
            with told_when_unwritable("the picture cannot be written", path, self.folder):
                path.write_bytes(made.getvalue())
        except OiError:
            path.unlink(missing_ok=True)
            raise


def _count(summary: Summary, one: Predicted) -> None:
    summary.photos += 1
    if one.found is None:
        summary.left_out.append(one.photo.address)
        typer.echo(f"oi: {in_line(one.photo.address)} is left out: {one.reason}", err=True)
        return
    summary.boxes += len(one.found.boxes)
    summary.with_boxes += bool(one.found.boxes)
    summary.ran += len(one.found.ran)


def _say(summary: Summary, model: "Predictor") -> None:
    seen = summary.photos - len(summary.left_out)
    text = f"oi: {summary.boxes} boxes on {summary.with_boxes} of {seen} photos"
    if model.clusters:
        text += f"; clusters ran {summary.ran} times, where all on every photo are {seen * len(model.clusters)}"
    typer.echo(text + (f"; {len(summary.left_out)} left out" if summary.left_out else ""), err=True)


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    """JSON lines; or CSV, as `oi detection-map` takes it."""
    from oi_tasks.io.whole_file import write_whole

    text = io.StringIO()
    if path.suffix.lower() == ".csv":
        writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        text.writelines(json.dumps(row) + "\n" for row in rows)
    write_whole(path, text.getvalue())


def _show(rows: list[dict[str, Any]]) -> None:
    """A table of all boxes."""
    from rich.table import Table

    if not rows:
        print("no boxes", file=sys.stdout)
        return
    table = Table("photo", "class", "score", "left", "top", "right", "bottom", "cluster", box=None, pad_edge=False)
    table.columns[0].overflow = "fold"  # a long name is broken, never cut
    for row in rows:
        place = (f"{row[name]:.3f}" for name in ("Score", "XMin", "YMin", "XMax", "YMax"))
        table.add_row(in_line(row["ImageID"]), row["Name"], *place, row["Cluster"])
    terminal().print(table)
