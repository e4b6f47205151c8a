"""`oi own-photos`: one's own photos as a release, with a profile to start from."""

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from oi_tasks.commands import for_example
from oi_tasks.commands.profiles import PANEL
from oi_tasks.errors import BadInput, in_line

app = typer.Typer()
PROFILE = """\
# Your own photos: each shows the class of its folder; a class that it was not filed under is not in it.
name: {name}
release: {{kind: folder, folders: [{folder}]}}
classes: {{count: photos, min_count: 10, min_coverage: 0.5, unverified: negative}}
clusters: {{min_photos: 40}}
photos: {{long_side: 320, resolution: 0.7}}
classifier: {{backbone: resnet18, weights: none, epochs: {{frozen: 0, unfrozen: 20}}, batch: 32}}
gate:
  classifier: {{macro_f1: {{floor: 0.5, may_lose: 0.02}}}}
"""


@app.command(
    "own-photos",
    epilog=for_example("oi own-photos pictures my-release", "oi own-photos pictures my-release --boxes boxes.csv"),
    rich_help_panel=PANEL,
    short_help="Make a release and a profile of your own photos.",
)
def own_photos(
    photos: Annotated[Path, typer.Argument(help="a folder that holds a folder of photos for each class")],
    to: Annotated[Path, typer.Argument(help="the release's folder, which must not exist yet")],
    boxes: Annotated[
        Path | None, typer.Option("--boxes", help="CSV: file, class, x_min, x_max, y_min, y_max (shares from 0 to 1)")
    ] = None,
) -> None:
    """Write your own photos in the form of a release, and a profile that trains on it."""
    from oi_tasks.io.own_photos import make_release
    from oi_tasks.io.progress import ProgressLine

    profile = _name(to)
    text = PROFILE.format(name=profile, folder=_quoted(to.resolve()))
    with ProgressLine("photos", None, "files") as line:
        made = make_release(photos, to, boxes, line.update, {f"{profile}.yaml": text})
    for reason in made.left_out:
        print(f"left out: {in_line(reason)}")
    counts = ", ".join(f"{name} {count:,}" for name, count in sorted(made.classes.items()))
    print(f"{made.photos:,} photos and {made.boxes:,} boxes in {to}; photos by class: {counts}")
    print(f"Look at it:  oi validate {shlex.quote(str(to))}")
    print(f"Train on it: OI_PROFILES={shlex.quote(str(to.resolve()))} make demo PROFILE={profile}")


def _quoted(folder: Path) -> str:
    """A path as YAML takes it, whatever its letters. Raises BadInput for one that is no text."""
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise BadInput("the release's folder has a name that is not UTF-8", in_line(folder), code="bad_name") from None
    return json.dumps(str(folder), ensure_ascii=False)


def _name(to: Path) -> str:
    """A profile's name from the folder's."""
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in to.name)
    return kept.lower().strip("._-")[:60] or "own-photos"
