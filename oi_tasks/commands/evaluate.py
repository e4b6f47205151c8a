"""`oi evaluate FOLDER`: score a model on photos that it has not seen; without a folder, the step of that name."""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oi_tasks.commands import for_example
from oi_tasks.commands.steps import (
    PANEL,
    ForceOption,
    ProfileOption,
    ResultOption,
    SchemaOption,
    SetOption,
    run_step,
)
from oi_tasks.commands.terminal import terminal
from oi_tasks.errors import BadInput
from oi_tasks.io.progress import ProgressLine
from oi_tasks.settings import settings

if TYPE_CHECKING:
    from oi_tasks.core.label_scores import LabelScores
    from oi_tasks.io.folder import ReleaseFolder

app = typer.Typer()
CHAMPION = "models:/oi-classifier@champion"
SHOWN = 12  # classes in the table, the weakest first


@app.command(
    "evaluate",
    epilog=for_example(
        "oi evaluate my-release --model models:/oi-classifier@champion --page errors.html",
        "oi evaluate --profile demo --set dataset=$DATASET --set classifier=$CLASSIFIER   # the step",
    ),
    rich_help_panel=PANEL,
    short_help="Score a model on a folder, or a candidate as a step.",
)
def evaluate(
    folder: Annotated[str, typer.Argument(help="a folder in release form; without one, the step of the pipeline")] = "",
    model: Annotated[str, typer.Option("--model", help="models:/NAME@ALIAS, models:/NAME/VERSION, or a folder")] = "",
    split: Annotated[
        str, typer.Option("--split", help="the folder's split to score; else test, validation, train")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="print all figures as JSON")] = False,
    page: Annotated[str, typer.Option("--page", help="write the error analysis to this HTML file")] = "",
    profile: ProfileOption = "",
    sets: SetOption = [],  # noqa: B006 - typer reads the default, nobody changes it
    result: ResultOption = "",
    force: ForceOption = False,
    schema: SchemaOption = False,
) -> None:
    """Score a classifier on a folder of photos, or candidate and champion on a dataset (a step of the pipeline)."""
    of_folder, of_step = bool(model or split or as_json or page), bool(profile or sets or result or force or schema)
    if folder and of_step:
        raise BadInput(
            "--profile, --set, --result, --force and --schema are of the step, which takes no folder", code="usage"
        )
    if of_folder and not folder:
        raise BadInput("--model, --split, --json and --page score a folder", fix="give its path", code="usage")
    if folder:
        _score(Path(folder).expanduser(), model or CHAMPION, split, as_json, page)
    else:
        run_step("evaluate", profile, sets, result, force, schema)


def _score(folder: Path, address: str, split: str, as_json: bool, page: str) -> None:
    from oi_tasks.io.folder import read_annotation, read_photos, split_in
    from oi_tasks.io.whole_file import check_writable
    from oi_tasks.models.folder_scores import document, score_folder
    from oi_tasks.models.opening import open_model

    if page:
        check_writable(Path(page))
    chosen, note = split_in(folder, split)
    if note:
        _say(note)
    with tempfile.TemporaryDirectory(prefix="oi-evaluate-") as scratch:
        cascade, name = open_model(address, settings(), Path(scratch))
        meta = cascade.meta
        annotation = read_annotation(folder, chosen, meta.classes, meta.labels, meta.ancestors)
        with ProgressLine("reading photos", len(annotation.files), "photos") as line:
            release = read_photos(annotation, line.update)
        _tell_left_out(release)
        with ProgressLine(f"evaluate: {name}", release.samples.height, "photos") as line:
            scores = score_folder(cascade, release, line.update)
    found = document(scores, release, name)
    if page:
        _write_page(Path(page), scores, release, found, meta.ancestors)
    print(json.dumps(found, indent=1)) if as_json else _show(found)


def _write_page(
    path: Path,
    scores: "LabelScores",
    release: "ReleaseFolder",
    found: dict[str, Any],
    ancestors: Mapping[str, Sequence[str]],
) -> None:
    """The error analysis as one HTML file. Raises BadInput when it cannot be written there."""
    from oi_tasks.io.whole_file import write_whole
    from oi_tasks.reports.errors import Judged, errors_page

    ids = release.samples["ImageID"].to_list()
    judged = Judged(scores, ancestors, ids, release.samples["boxes"].to_list(), lambda row: release.photo(ids[row]))
    numbers = {
        name: {"value": found[name], "low": low, "high": high} for name, (low, high) in found["intervals"].items()
    }
    text = errors_page(judged, found["model"], f"{release.split} photos of {release.folder.name}", numbers)
    write_whole(path, text)
    _say(f"the error analysis is in {path}")


def _tell_left_out(release: "ReleaseFolder") -> None:
    """One line for each kind of thing that the figures do not cover."""
    broken, uncovered = release.unreadable, release.uncovered
    if broken:
        first, reason = next(iter(broken.items()))
        _say(f"{len(broken)} files are no photos and left out, such as {first}: {reason}")
    if uncovered:
        most = sorted(uncovered, key=lambda label: (-uncovered[label], label))[:5]
        named = ", ".join(f"{label} ({uncovered[label]})" for label in most)
        _say(f"{len(uncovered)} labels of the folder are of no class of the model, on so many photos: {named}")
    if release.unlabelled:
        _say(f"{release.unlabelled} photos have no label of any class and are not scored")
    if release.missing:
        _say(f"{release.missing} photos are named by the annotation and not in the folder")
    if release.bad_lines:
        _say(f"{release.bad_lines} lines of the annotation cannot be read and are left out")


def _show(found: dict[str, Any]) -> None:
    """The figures for people: the whole, then the weakest classes."""
    from rich.table import Table

    from oi_tasks.reports.page import fixed

    console = terminal()
    whole = Table("number", "value", "95 % interval", box=None, pad_edge=False)
    for name, title in (("top1_accuracy", "top-1 accuracy"), ("macro_f1", "macro F1"), ("micro_f1", "micro F1")):
        low, high = found["intervals"][name]
        whole.add_row(title, fixed(found[name]), f"{fixed(low)} to {fixed(high)}")
    error = found["calibration"]["likeliest"]["error"]
    whole.add_row("calibration error", fixed(error), "")
    console.print(f"{found['model']} on {found['photos']} {found['split']} photos of {found['folder']}", markup=False)
    console.print(whole)
    shown = [row for row in found["classes"] if row["photos"]]
    shown.sort(key=lambda row: (row["f1"], row["name"]))
    table = Table("weakest classes", "photos", "F1", "precision", "recall", box=None, pad_edge=False)
    for row in shown[:SHOWN]:
        table.add_row(row["name"], str(row["photos"]), *(fixed(row[key]) for key in ("f1", "precision", "recall")))
    console.print(table)
    if len(shown) > SHOWN:
        console.print(f"and {len(shown) - SHOWN} more: --json has all")


def _say(text: str) -> None:
    print(f"oi: {text}", file=sys.stderr, flush=True)
