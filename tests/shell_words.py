"""Command lines in documents and in the help, taken apart and tried against the commands there are, without a run."""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer
from typer._click.exceptions import ClickException

from oi_tasks.cli import app
from oi_tasks.commands.steps import make_job, parse_sets
from oi_tasks.jobs import JOBS

ID = "0123456789abcdef0123"
VARIABLE = re.compile(r"\$\(.*?\)|\$\{?\w+\}?")
OI = ("oi", ".venv/bin/oi")
ASSIGNMENT = re.compile(r"\w+=.*")


def blocks(path: Path, language: str = "sh") -> list[str]:
    """The fenced blocks of a language in a document."""
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def lines(path: Path) -> list[str]:
    """The lines of all shell blocks of a document, those that go on after a backslash as one."""
    return [line for block in blocks(path) for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def commands_of(text: str) -> Iterator[list[str]]:
    """The commands of a shell text, in words: lines joined at a backslash, parted at |, && and ;, without comments.

    What the shell would fill in becomes an id: documents name ids so.
    """
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.shlex(VARIABLE.sub(ID, line), posix=True, punctuation_chars="|&;<>")
        words.whitespace_split = True
        words.commenters = "#"
        command: list[str] = []
        for word in words:
            if word and set(word) <= set("|&;"):
                yield from [command] if command else []
                command = []
            else:
                command.append(word)
        yield from [command] if command else []


def without_assignments(command: Sequence[str]) -> list[str]:
    """The words after `NAME=value`, exported or not, and before what goes into or comes from a file."""
    words = list(command[1:] if command[:1] == ["export"] else command)
    while words and ASSIGNMENT.fullmatch(words[0]):
        words.pop(0)
    ends = [place for place, word in enumerate(words) if word and set(word) <= set("<>")]
    return words[: ends[0]] if ends else words


def parse_oi(words: Sequence[str]) -> None:
    """Parse the words after `oi` as the command would; of a step, make its job. Raises AssertionError for what is none.

    What exists on the disk or in a store is not looked at.
    """
    command: Any = typer.main.get_command(app)
    context, left = None, list(words)
    if list(words) in (["--install-completion"], ["--show-completion"]):
        return  # to parse them is to do them; tests/test_help.py does
    try:
        while True:
            context = command.make_context(command.name, left, parent=context)
            if not getattr(command, "commands", None) or not context._protected_args + context.args:
                break
            name, command, left = command.resolve_command(context, context._protected_args + context.args)
            assert command is not None, f"oi {shlex.join(words)}: there is no {name}"
    except ClickException as error:
        raise AssertionError(f"oi {shlex.join(words)}: {error.format_message()}") from None
    except typer.Exit:  # --help, --show-completion
        return
    given = context.params
    if context.info_name in JOBS and not given.get("folder") and not given.get("schema") and "sets" in given:
        make_job(context.info_name, given["profile"], parse_sets(list(given["sets"])))
    elif context.info_name == "torchrun":
        parse_oi(given["words"])
