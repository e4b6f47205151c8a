"""`oi detection-map`: the Open Images detection metric on plain files."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from oi_tasks.core.openimages_map import Judgement

from oi_tasks.commands import for_example
from oi_tasks.commands.terminal import terminal
from oi_tasks.errors import in_line

app = typer.Typer()
SHOWN = 5  # labels named in a remark


@app.command(
    "detection-map",
    epilog=for_example(
        "oi detection-map --boxes boxes.csv --image-labels labels.csv --hierarchy hierarchy.json \\",
        "  --predictions predictions.csv",
    ),
    rich_help_panel="Models",
    short_help="Mean average precision of boxes, Open Images rules.",
)
def detection_map(
    boxes: Annotated[Path, typer.Option("--boxes", help="true boxes: the release's annotations-bbox CSV")],
    image_labels: Annotated[Path, typer.Option("--image-labels", help="verified labels: its imagelabels CSV")],
    hierarchy: Annotated[Path, typer.Option("--hierarchy", help="its hierarchy, JSON")],
    predictions: Annotated[
        Path, typer.Option("--predictions", help="CSV of ImageID,LabelName,Score,XMin,XMax,YMin,YMax")
    ],
    expand_predictions: Annotated[
        bool, typer.Option("--expand-predictions", help="let each prediction count for its ancestors, too")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON in place of a table")] = False,
) -> None:
    """Mean average precision as the Open Images Challenge defines it, of predicted boxes against true ones."""
    from oi_tasks.core.openimages_map import Lineage, judge
    from oi_tasks.io.detections import read_detection_files

    files = read_detection_files(boxes, image_labels, hierarchy, predictions)
    for name, labels in files.unknown.items():
        shown = ", ".join(labels[:SHOWN]) + (", …" if len(labels) > SHOWN else "")
        told = f"{len(labels)} labels are not in the hierarchy and stand alone: {in_line(shown)}"
        typer.echo(f"oi: {in_line(name)}: {told}", err=True)
    lineage = Lineage.of(files.labels, files.hierarchy)
    judged = judge(files.true, files.image_labels, files.predictions, lineage, expand_predictions)
    document = as_document(judged, files.labels)
    if as_json:
        print(json.dumps(document, indent=1))
    else:
        _show(document)


def as_document(judged: "Judgement", labels: tuple[str, ...]) -> dict[str, Any]:
    """`map`, and by class with a true box its `ap`, its true `boxes` (those of its subcategories included) and its
    `predictions` in photos where it is verified.
    """
    values = judged.average_precisions()
    return {
        "map": float(judged.mean()),
        "classes": {
            labels[label]: {
                "ap": float(value),
                "boxes": int(judged.boxes[label]),
                "predictions": int(judged.predictions[label]),
            }
            for label, value in zip(judged.classes, values, strict=True)
        },
    }


def _show(document: dict[str, Any]) -> None:
    """A table, the best class first."""
    from rich.table import Table

    table = Table("class", "AP", "boxes", "predictions", box=None, pad_edge=False)
    for label, found in sorted(document["classes"].items(), key=lambda pair: (-pair[1]["ap"], pair[0])):
        table.add_row(label, f"{found['ap']:.4f}", str(found["boxes"]), str(found["predictions"]))
    console = terminal()
    console.print(table)
    console.print(f"mAP {document['map']:.4f} over {len(document['classes'])} classes with a true box")
