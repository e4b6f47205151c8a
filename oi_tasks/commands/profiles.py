"""`oi profiles`: the profiles there are."""

from typing import Annotated

import typer
import yaml

from oi_tasks.profile import load_profile, profile_files

app = typer.Typer()


@app.command("profiles")
def profiles(name: Annotated[str, typer.Argument(help="a profile to print in full, with its defaults")] = "") -> None:
    """List the profiles, or print one with all its defaults."""
    if name:
        print(yaml.safe_dump(load_profile(name).model_dump(mode="json"), sort_keys=False), end="")
        return
    for found, path in profile_files().items():
        print(f"{found:<20} {path}")
