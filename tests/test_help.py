"""Help, completion and plain lines: what a person, a pipe and a shell get from `oi`."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from oi_tasks.cli import app
from oi_tasks.commands.panels import OTHER, PANELS
from oi_tasks.errors import BadInput
from tests.shell_words import commands_of, parse_oi, without_assignments

OI = Path(sys.executable).with_name("oi")
ESCAPE = "\x1b"


def every_command(command: Any = None, path: str = "oi") -> Iterator[tuple[str, Any]]:
    command = command or typer.main.get_command(app)
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from every_command(below, f"{path} {name}")


COMMANDS = dict(every_command())


def test_there_are_commands() -> None:
    assert {"oi", "oi fetch", "oi ledger", "oi ledger at", "oi snapshot diff", "oi torchrun"} <= set(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS)
def test_the_help_of_every_command_ends_with_an_example_of_it_that_parses(path: str) -> None:
    *_, examples = (COMMANDS[path].epilog or "").partition("For example:\n")
    written = [without_assignments(command) for command in commands_of(examples)]
    assert written, f"{path} --help has no example"
    for words in written:
        assert " ".join(words).startswith(path), words
        parse_oi(words[1:])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("oi fetch --nosuch", "--nosuch"),
        ("oi nosuch", "nosuch"),
        ("oi ledger nosuch", "nosuch"),
        ("oi rollback", "--reason"),
        ("oi tables --set relase=$RELEASE", "relase"),
        ("oi ledger show x", "number"),
        ("oi torchrun 2 train_classifier --nosuch", "--nosuch"),
    ],
)
def test_an_example_that_does_not_work_is_noticed(wrong: str, said: str) -> None:
    (words,) = commands_of(wrong)
    with pytest.raises((AssertionError, BadInput), match=said):
        parse_oi(words[1:])


def clean(**more: str) -> dict[str, str]:
    """An environment without what asks for colours or forbids them."""
    asks = ("NO_COLOR", "FORCE_COLOR", "CI", "GITHUB_ACTIONS", "TERM", "COLUMNS", "PY_COLORS", "TTY_COMPATIBLE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OI_") and name not in asks}
    return kept | {"OI_ENV_FILE": "none", "TERM": "xterm-256color"} | more


def on_a_terminal(*words: str, **more: str) -> str:
    """What `oi` writes on a terminal that it has for itself."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([OI, *words], env=clean(**more), stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = b""
        try:
            while data := os.read(ours, 1 << 16):
                said += data
        except OSError:  # Linux says so that the other end was closed
            pass
        process.wait(60)
    os.close(ours)
    return said.decode()


def through_a_pipe(*words: str, **more: str) -> tuple[str, str]:
    done = subprocess.run([OI, *words], env=clean(**more), capture_output=True, text=True, timeout=60)
    return done.stdout, done.stderr


@pytest.mark.slow
def test_a_terminal_has_colours_and_no_color_takes_them_away() -> None:
    assert ESCAPE + "[32m" in on_a_terminal("doctor")
    assert not re.search(ESCAPE + r"\[[34]\d", on_a_terminal("doctor", NO_COLOR="1"))
    assert ESCAPE not in on_a_terminal("doctor", TERM="dumb")


LONGEST = 55  # characters of a command's line, so that it is not cut off at 80 columns


def test_the_list_of_commands_has_headings_and_none_is_cut_off() -> None:
    piped, _ = through_a_pipe("--help", COLUMNS="80")
    shown = on_a_terminal("--help", COLUMNS="80").replace("\r\n", "\n")
    assert shown == piped
    listed = piped.partition("Local servers:")[2].partition("For example:")[0]
    assert "..." not in listed
    assert "\u2026" not in listed
    assert max(map(len, piped.partition("For example:")[0].splitlines())) <= 80
    assert [line for line in piped.splitlines() if line in {f"{panel}:" for panel in (*PANELS, OTHER)}] == [
        f"{panel}:" for panel in (*PANELS, OTHER)
    ]
    names = [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line.strip()]
    assert sorted(names) == sorted(path.removeprefix("oi ") for path in COMMANDS if path.count(" ") == 1)


@pytest.mark.parametrize("path", [path for path in COMMANDS if path.count(" ") == 1])
def test_a_commands_line_in_the_list_is_whole_and_short(path: str) -> None:
    line = COMMANDS[path].get_short_help_str(1000)
    assert line.endswith(".")
    assert len(line) <= LONGEST


@pytest.mark.parametrize("words", [("doctor",), ("fetch", "--profile", "no"), ("--help",), ("fetch", "--nosuch")])
def test_a_pipe_gets_plain_lines_on_a_build_server_too(words: tuple[str, ...]) -> None:
    said, errors = through_a_pipe(*words, CI="true", GITHUB_ACTIONS="true")
    assert said or errors
    assert ESCAPE not in said + errors
    assert "\r" not in said + errors


def test_a_row_of_a_table_is_one_line_in_a_pipe() -> None:
    """So that grep finds what belongs together."""
    said, _ = through_a_pipe("doctor")
    (row,) = [line for line in said.splitlines() if line.startswith("store ")]
    assert "OI_STORE_ACCESS_KEY is not set" in row
    assert "OI_STORE_SECRET_KEY" in row


PROGRESS = """
from oi_tasks.io import progress
progress.EVERY = 0.0
with progress.ProgressLine("photos", 3, "photos") as line:
    for _ in range(3):
        line.update()
"""


def test_progress_is_a_bar_on_a_terminal_and_lines_in_a_pipe() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRESS], env=clean(), capture_output=True, text=True, timeout=60)
    lines = done.stderr.splitlines()
    assert [line.partition(",")[0] for line in lines[:3]] == [f"photos: {n} of 3 photos" for n in (1, 2, 3)]
    assert ESCAPE not in done.stderr


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("oi led", {"ledger"}),
        ("oi ledger sh", {"show"}),
        ("oi rollback --re", {"--reason"}),
        ("oi torch", {"torchrun"}),
    ],
)
def test_bash_completes(line: str, offered: set[str], completion: Path) -> None:
    words = line.split()
    script = f"""
source {completion}
complete -p oi > /dev/null || exit 7
COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}
_oi_completion oi
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    path = f"{OI.parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-c", script], env=clean(PATH=path), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == offered


@pytest.fixture(scope="module")
def completion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script that `oi --install-completion` wrote, asked by a bash with a home of its own."""
    home = tmp_path_factory.mktemp("home")
    asked = f"{OI} --install-completion; exit $?"  # bash must stay the parent: it is how the shell is found
    done = subprocess.run(["bash", "-c", asked], env=clean(HOME=str(home)), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    (script,) = home.rglob("*oi.sh")
    assert str(script) in (home / ".bashrc").read_text()
    return script


def test_the_completion_can_be_shown() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{OI} --show-completion; exit $?"], env=clean(), capture_output=True, text=True, timeout=60
    )
    assert "_oi_completion" in done.stdout
