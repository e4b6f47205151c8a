"""`oi own-photos`: the profile can be read and the commands that it ends with typed, whatever the folder is called."""

import shlex
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from oi_tasks.cli import app
from oi_tasks.profile import load_profile


@pytest.mark.parametrize("name", ["my-dogs", "My 'Dogs' & Cats", 'a "quoted" one', "dogs.v1"])
def test_the_profile_is_read_and_the_commands_can_be_typed(name: str, tmp_path: Path) -> None:
    for colour in ("red", "blue"):
        (tmp_path / "photos" / colour).mkdir(parents=True)
        Image.new("RGB", (60, 40), colour).save(tmp_path / "photos" / colour / "1.jpg")
    to = tmp_path / name
    done = CliRunner().invoke(app, ["own-photos", str(tmp_path / "photos"), str(to)])
    assert done.exit_code == 0, done.output
    look, train = (line.partition(":")[2] for line in done.output.splitlines()[-2:])
    assert shlex.split(look) == ["oi", "validate", str(to)]
    profiles, *make, profile = shlex.split(train)
    assert make == ["make", "demo"]
    found = load_profile(f"{profiles.removeprefix('OI_PROFILES=')}/{profile.removeprefix('PROFILE=')}.yaml")
    assert found.release.folders == (str(to),)
    assert profile == f"PROFILE={found.name}", "a name without a space: make passes it on as it is"
