"""`oi classes`: choose the classes from plain files, without any server."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml
from pydantic import TypeAdapter, ValidationError

from oi_tasks.commands import for_example
from oi_tasks.commands.terminal import terminal
from oi_tasks.errors import BadInput
from oi_tasks.profile import Classes, Clusters, Override, describe

if TYPE_CHECKING:
    from oi_tasks.core.collapse import Collapsed
    from oi_tasks.core.hierarchy import Hierarchy
    from oi_tasks.io.class_files import Counts

app = typer.Typer()
RULES = Classes()


@app.command(
    "classes",
    epilog=for_example("oi classes hierarchy.json class-descriptions-boxable.csv counts.csv --max-classes 76"),
    rich_help_panel="Profiles and data",
    short_help="Choose classes from a hierarchy and counts, no server.",
)
def classes(
    hierarchy: Annotated[Path, typer.Argument(help="the hierarchy, as published: JSON")],
    descriptions: Annotated[Path, typer.Argument(help="the descriptions: CSV of MID and name")],
    counts: Annotated[Path, typer.Argument(help="boxes of each label: CSV with a column of MIDs and one of numbers")],
    max_classes: Annotated[int, typer.Option(min=1, help="largest number of classes")] = RULES.max,
    min_coverage: Annotated[float, typer.Option(min=0, max=1, help="share of all boxes to cover")] = RULES.min_coverage,
    min_boxes: Annotated[int, typer.Option(min=1, help="boxes of the smallest class")] = RULES.min_count,
    total_boxes: Annotated[int | None, typer.Option(min=1, help="all boxes, if more than are counted")] = None,
    overrides: Annotated[str, typer.Option(help="corrections: a YAML file, or its text, as in a profile")] = "",
    pages: Annotated[Path | None, typer.Option(help="a folder to write hierarchy.html and classes.html to")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON in place of a table")] = False,
) -> None:
    """Choose at most so many classes that cover enough boxes and are as even as can be, and group them."""
    from oi_tasks.core.class_table import class_document
    from oi_tasks.core.collapse import Asked, collapse
    from oi_tasks.core.corrections import Correction
    from oi_tasks.io.class_files import read_counts, read_descriptions, read_hierarchy

    tree, names, counted = read_hierarchy(hierarchy), read_descriptions(descriptions), read_counts(counts, total_boxes)
    corrections = [Correction(made.label, made.action, made.into) for made in read_overrides(overrides)]
    done = collapse(tree, counted.boxes, Asked(max_classes, min_boxes, min_coverage * counted.total), corrections)
    if done.covered < min_coverage * counted.total:
        raise BadInput(
            f"{max_classes} classes of at least {min_boxes:,} boxes cover at most"
            f" {done.reachable / counted.total:.2%} of all {counted.total:,} boxes, not {min_coverage:.2%}",
            fix="allow more classes, smaller ones, or a lower coverage",
            code="coverage",
        )
    document = class_document(tree, names, done, counted.total, Clusters().max_classes)
    if pages is not None:
        write_pages(pages, tree, names, counted, done, document)
    if as_json:
        print(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        show(document, counted)


def read_overrides(source: str) -> tuple[Override, ...]:
    """Corrections from a YAML file or YAML text: a list of label, action and into."""
    if not source:
        return ()
    path = Path(source)
    where = source if "\n" not in source and "[" not in source and "{" not in source else "--overrides"
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8") if where == source else source)
        found: tuple[Override, ...] = TypeAdapter(tuple[Override, ...]).validate_python(value)
    except OSError as error:
        raise BadInput(f"the overrides cannot be read: {error.strerror}", where, code="bad_file") from None
    except yaml.YAMLError as error:
        raise BadInput(f"the overrides are not YAML: {' '.join(str(error).split())}", where, code="bad_file") from None
    except ValidationError as error:
        raise BadInput(f"overrides: {describe(error)}", where, code="profile") from None
    return found


def write_pages(
    folder: Path,
    tree: "Hierarchy",
    names: dict[str, str],
    counted: "Counts",
    done: "Collapsed",
    document: dict[str, Any],
) -> None:
    """Write both pages. Raises BadInput for a folder that cannot be written to."""
    from oi_tasks.core.class_table import clusters_for_people
    from oi_tasks.reports.classes import ClassesChosen, classes_page
    from oi_tasks.reports.hierarchy import hierarchy_page

    chosen = ClassesChosen(
        classes=document["classes"],
        labels=document["labels"],
        clusters=clusters_for_people(tree, names, document["classes"]),
        names=names,
        levels=tree.levels,
        own=counted.boxes,
        total=counted.total,
        covered={"boxes": document["coverage"]},
        bits=document["bits"],
        bound=document["bound"],
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page = hierarchy_page(tree, names, done.forest, document["labels"])
        (folder / "hierarchy.html").write_text(page, encoding="utf-8")
        (folder / "classes.html").write_text(classes_page(chosen), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"the pages cannot be written: {error.strerror}", str(folder), code="cannot_write") from None


def show(document: dict[str, Any], counted: "Counts") -> None:
    """The classes as a table, and what they cover."""
    from rich.table import Table

    console = terminal()
    table = Table("class", "MID", "level", "boxes", "share", "cluster", box=None, pad_edge=False)
    for name in ("level", "boxes", "share"):
        table.columns[[column.header for column in table.columns].index(name)].justify = "right"
    for row in document["classes"]:
        share = f"{row['boxes'] / counted.total:.2%}"
        table.add_row(row["name"], row["label"], str(row["level"]), f"{row['boxes']:,}", share, row["cluster"] or "–")
    console.print(table)
    fates = [fate["rule"].split(":")[0] for fate in document["labels"].values()]
    counts = ", ".join(
        f"{fates.count(fate)} {fate}" for fate in ("kept", "rolled up", "merged", "dropped") if fate in fates
    )
    clusters = len({row["cluster"] for row in document["classes"] if row["cluster"]})
    console.print(
        f"\n{len(document['classes'])} classes in {clusters} clusters cover {document['coverage']:.2%} of"
        f" {counted.total:,} boxes (in all, by {counted.told_by})\n"
        f"evenness: {document['bits']:.4f} bits; no choice that covers as much as was asked has more than"
        f" {document['bound']:.4f}\nlabels: {counts}",
        markup=False,
    )
