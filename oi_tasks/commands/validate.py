"""`oi validate FOLDER`: the judgement of a release in a folder, without any server; without FOLDER, the step."""

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

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
from oi_tasks.errors import BadInput, in_line
from oi_tasks.io.progress import ProgressLine
from oi_tasks.profile import load_profile

if TYPE_CHECKING:
    from oi_tasks.quality.folder import ReleaseFolder

app = typer.Typer()
SHOWN = 3  # examples of a finding on a terminal
STRICT = {"mostly": 1.0, "max_quarantined": 1.0}
"""Every row counts, and what is set apart is told but refuses nothing."""
COLOURS = {"critical": "bold red", "warning": "yellow", "info": "cyan"}


@app.command(
    "validate",
    epilog=for_example(
        "oi validate my-release --page quality.html", "oi validate --profile demo --set snapshot=$SNAPSHOT   # the step"
    ),
    rich_help_panel=PANEL,
    short_help="Judge a release with Great Expectations.",
)
def validate(
    folder: Annotated[str, typer.Argument(help="a release in a folder; left out, a snapshot of the store")] = "",
    split: Annotated[list[str], typer.Option("--split", help="splits of the folder to judge; may be repeated")] = [],  # noqa: B006
    as_json: Annotated[bool, typer.Option("--json", help="print the verdict and the findings as JSON")] = False,
    page: Annotated[str, typer.Option("--page", help="write the quality page to this HTML file")] = "",
    profile: ProfileOption = "",
    sets: SetOption = [],  # noqa: B006
    result: ResultOption = "",
    force: ForceOption = False,
    schema: SchemaOption = False,
) -> None:
    """Judge a release with Great Expectations: one in a FOLDER without any server, or a snapshot as a step.

    A folder is judged strictly, every row; with --profile by the thresholds of its quality section. The exit status is
    1 if a critical finding (or, with --profile, too much set apart) speaks against the data, 0 if not, 2 if the folder
    is no release.
    """
    if not folder:
        for name, given in (("--split", split), ("--json", as_json), ("--page", page)):
            if given:
                raise BadInput(f"{name} needs a folder", fix="name it: oi validate FOLDER", code="usage")
        run_step("validate", profile, sets, result, force, schema)
        return
    for name, given in (("--set", sets), ("--result", result), ("--force", force), ("--schema", schema)):
        if given:
            raise BadInput(f"{name} goes with the step, not with a folder", code="usage")
    quality = judge_folder(Path(folder), split or ["train"], profile, Path(page) if page else None, quiet=as_json)
    if as_json:
        print(json.dumps(said(quality), indent=1, allow_nan=False))
    else:
        show(quality)
    raise typer.Exit(1 if quality["verdict"] == "fail" else 0)


def judge_folder(
    folder: Path, splits: list[str], profile: str, page: Path | None, *, quiet: bool = False
) -> dict[str, Any]:
    """What `quality.json` says of a folder. Raises BadInput for one that is no release, or a page that cannot be."""
    from oi_tasks.io.whole_file import check_writable, write_whole
    from oi_tasks.quality.folder import ReleaseFolder

    parameters = dict(STRICT)
    if profile:
        asked = load_profile(profile).quality
        parameters = {"mostly": asked.mostly, "max_quarantined": asked.max_quarantined}
    if page is not None and not page.parent.is_dir():
        raise BadInput("the page's folder does not exist", where=str(page.parent), code="cannot_write")
    if page is not None:
        check_writable(page)
    release = ReleaseFolder(folder, splits)
    if not quiet:
        for text in release.lacks():
            print(f"validate: {text}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="oi-validate-") as name:
        quality = _judged(release, parameters, Path(name))
    if page is not None:
        from oi_tasks.reports.quality import quality_page

        write_whole(page, quality_page(quality, release.photo))
    return quality


def _judged(release: "ReleaseFolder", parameters: Mapping[str, float], scratch: Path) -> dict[str, Any]:
    from oi_tasks.quality.engine import Engine
    from oi_tasks.quality.inspection import SnapshotInspection
    from oi_tasks.quality.suites import expectations_folder, load_suites
    from oi_tasks.quality.summary import names_of_examples, summarise

    suites = load_suites(expectations_folder())
    with ProgressLine("photos", len(release.photos), "photos") as progress:
        files = release.write_tables(scratch / "in", progress.update)
    (scratch / "out").mkdir()
    inspection = SnapshotInspection(files, suites, Engine(parameters), scratch / "out", scratch, lambda _: None)
    quality = summarise(str(release.folder), parameters, inspection.run())
    return quality | {"names": names_of_examples(quality, scratch / "out" / "descriptions.parquet")}


def said(quality: Mapping[str, Any]) -> dict[str, Any]:
    """What `--json` prints: the verdict, and of each finding its code, severity, count and examples."""
    from oi_tasks.quality.summary import plain

    findings = [
        {name: finding[name] for name in ("code", "severity", "count")}
        | {
            "examples": [
                {name: value for name, value in row.items() if value is not None} for row in finding["examples"]
            ]
        }
        for finding in quality["findings"]
    ]
    return {"verdict": quality["verdict"], "findings": plain(findings)}


def show(quality: Mapping[str, Any]) -> None:
    """The verdict in a sentence, then the findings by code."""
    from oi_tasks.reports.quality import sentence

    console = terminal()
    passed = quality["verdict"] == "pass"
    colour = "bold green" if passed else "bold red"
    console.print("Passed." if passed else "Refused.", style=colour, end=" ")
    console.print(sentence(quality), markup=False, soft_wrap=True)
    if not quality["findings"]:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("severity", "count", "code", "what"):
        table.add_column(name, justify="right" if name == "count" else "left", no_wrap=name != "what")
    for finding in quality["findings"]:
        severity = Text(finding["severity"], style=COLOURS[finding["severity"]])
        table.add_row(severity, f"{finding['count']:,}", finding["code"], Text(finding["what"]))
    console.print(table, soft_wrap=False)
    for finding in quality["findings"]:
        for number, example in enumerate(finding["examples"][:SHOWN]):
            start = f"{finding['code']}:" if not number else " " * (len(finding["code"]) + 1)
            console.print(start, _told(example), markup=False, soft_wrap=True)


def _told(example: Mapping[str, Any]) -> str:
    told = {name: value for name, value in example.items() if value is not None and name != "row"}
    return ", ".join(f"{name} {in_line(value)}" for name, value in told.items())
