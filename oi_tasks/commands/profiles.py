"""`oi profiles`: the profiles there are, and what can stand in one."""

from typing import Annotated

import typer
import yaml

from oi_tasks.commands import for_example
from oi_tasks.profile import check_own_profiles, load_profile, profile_files

app = typer.Typer()
PANEL = "Profiles and data"


@app.command("profiles", epilog=for_example("oi profiles", "oi profiles demo"), rich_help_panel=PANEL)
def profiles(
    name: Annotated[str, typer.Argument(help="a profile to print in full, with its defaults")] = "",
    reference: Annotated[bool, typer.Option("--reference", help="print every field there is, as Markdown")] = False,
) -> None:
    """List the profiles, or print one with all its defaults."""
    if reference:
        from oi_tasks.profile.reference import reference as made

        print(made(), end="")
        return
    if name:
        print(yaml.safe_dump(load_profile(name).model_dump(mode="json"), sort_keys=False), end="")
        return
    check_own_profiles()
    for found, path in profile_files().items():
        print(f"{found:<20} {path}")
