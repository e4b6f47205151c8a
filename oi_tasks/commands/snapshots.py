"""`oi snapshot`: the step itself, and the snapshots there are: `list`, `show`, `diff` and `verify`."""

import json
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
    step_example,
)
from oi_tasks.errors import OiError
from oi_tasks.jobs import JOBS
from oi_tasks.settings import settings

if TYPE_CHECKING:
    from oi_tasks.io.snapshots import Snapshots

app = typer.Typer()
snapshot = typer.Typer()
app.add_typer(snapshot, name="snapshot", short_help=JOBS["snapshot"], rich_help_panel=PANEL)

JsonOption = Annotated[bool, typer.Option("--json", help="print JSON")]
SnapshotArgument = Annotated[str, typer.Argument(help="an id, its first digits, or `latest`")]


@snapshot.callback(
    invoke_without_command=True,
    help=f"{JOBS['snapshot']} Or look at the snapshots there are.",
    epilog=for_example("oi snapshot list", step_example("snapshot")),
)
def step(
    context: typer.Context,
    profile: ProfileOption = "",
    sets: SetOption = [],  # noqa: B006 - typer reads the default, nobody changes it
    result: ResultOption = "",
    force: ForceOption = False,
    schema: SchemaOption = False,
) -> None:
    """Run the step, unless a subcommand is named."""
    if context.invoked_subcommand is None:
        run_step("snapshot", profile, sets, result, force, schema)


def _snapshots() -> "Snapshots":
    from oi_tasks.io.outputs import Outputs
    from oi_tasks.io.snapshots import Snapshots
    from oi_tasks.io.store import Store

    return Snapshots(Outputs(Store(settings()), settings().cache))


@snapshot.command("list", epilog=for_example("oi snapshot list", "oi snapshot list --json"))
def list_(as_json: JsonOption = False) -> None:
    """List the snapshots, the oldest first."""
    rows = [one.summary() for one in _snapshots().all()]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    if not rows:
        print("there is no snapshot yet")
    for row in rows:
        counts = f"{row['photos']:>9} photos {row['boxes']:>10} boxes {row['image_labels']:>10} image labels"
        print(f"{row['id']}  {row['at'][:19]}  {counts}  {', '.join(row['sources'])}")


@snapshot.command("show", epilog=for_example("oi snapshot show latest", "oi snapshot show 3f0a --json"))
def show(name: SnapshotArgument, as_json: JsonOption = False) -> None:
    """Show what a snapshot holds, of which release and profile, and when and by which code it was made."""
    facts = _snapshots().find(name).facts()
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    print(f"snapshot {facts['id']}, made {facts['produced'].get('at')} by oi {facts['produced'].get('code')}")
    for source, address in facts["release"]["sources"].items():
        print(f"source   {source}: {address}")
    for file in facts["release"]["files"]:
        print(f"file     {file['name']}  {file['kind']}  {file['size']} bytes  sha256 {file['sha256'][:16]}")
    for part, made in facts["parts"].items():
        counts = ", ".join(f"{name} {count}" for name, count in facts["counts"][part].items() if count not in ({}, ""))
        print(f"{part:<8} {made['id']}  {made.get('at')}  {made.get('seconds')} s  {counts}")
    objects = facts["objects"].values()
    print(f"objects  {len(objects)}, {sum(one['size'] for one in objects)} bytes, photos and release files beside them")


@snapshot.command("diff", epilog=for_example("oi snapshot diff 3f0a latest --examples 20"))
def diff(
    before: SnapshotArgument,
    after: SnapshotArgument,
    examples: Annotated[int, typer.Option(help="how many of each to name; -1: all", min=-1)] = 10,
    as_json: JsonOption = False,
) -> None:
    """Name what was added, is gone, and has changed from one snapshot to another."""
    from oi_tasks.io.snapshot_diff import KINDS, snapshot_diff

    every = _snapshots()
    told = snapshot_diff(every.find(before), every.find(after), examples)
    if as_json:
        print(json.dumps(told, indent=2))
        return
    print(f"from snapshot {told.pop('before')} to {told.pop('after')}")
    for kind, found in told.items():
        counts = ", ".join(f"{found[change]} {change}" for change in KINDS)
        print(f"{kind.replace('_', ' ')}: {counts if any(found[change] for change in KINDS) else 'the same'}")
        for change, rows in found["examples"].items():
            for row in rows:
                print(f"  {change:<8} {_row(row)}")


@snapshot.command("verify", epilog=for_example("oi snapshot verify", "oi snapshot verify latest"))
def verify(
    name: Annotated[str, typer.Argument(help="an id, its first digits, or `latest`; none: every snapshot")] = "",
    as_json: JsonOption = False,
) -> None:
    """Read every object of a snapshot back from the store; name what differs, and end with status 1 if any does."""
    from oi_tasks.io.progress import ProgressLine
    from oi_tasks.io.snapshot_check import verify as read_back

    every = _snapshots()
    told: list[dict[str, Any]] = []
    for one in [every.find(name)] if name else every.all():
        with ProgressLine(f"verify {one.id}", None, "objects") as progress:
            told.append(read_back(every.outputs.store, one, progress.update).told())
    if as_json:
        print(json.dumps(told, indent=2))
    for found in told if not as_json else ():
        print(f"snapshot {found['snapshot']}: {found['objects']} objects, {found['size']} bytes read", end="; ")
        print("all as published" if found["ok"] else f"{len(found['differs'])} differ")
        for one_ in found["differs"]:
            print(f"  {one_['problem']:<8} {one_['what']} ({one_['where']}) {one_['detail']}".rstrip())
        for unread in found["unread"]:
            print(f"  not read {unread}")
    bad = [found["snapshot"] for found in told if not found["ok"]]
    if bad:
        raise OiError(
            f"{len(bad)} of {len(told)} snapshots differ from what was published", ", ".join(bad), code="damaged"
        )


def _row(row: dict[str, Any]) -> str:
    """One example as words: the values, and for a changed row what was and what is now."""
    rest = {name: value for name, value in row.items() if name not in ("was", "now")}
    text = " ".join(str(value) for value in rest.values())
    if "was" in row:
        text += ": " + ", ".join(f"{name} {value} → {row['now'][name]}" for name, value in row["was"].items())
    return text
