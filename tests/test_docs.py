"""The documents: every link leads somewhere, every command exists, and what is made from the code is up to date."""

import re
from pathlib import Path

import pytest
import typer
from pydantic_settings import BaseSettings

from oi_tasks.cli import app
from oi_tasks.local.addresses import Addresses
from oi_tasks.profile.reference import reference
from oi_tasks.settings import Settings

CHECKOUT = Path(__file__).parents[1]
DOCS = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\((?!https?://|#)([^)#\s]+)")
ANCHOR = re.compile(r"\[[^\]]*\]\((?!https?://)([^)#\s]*)#([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
COMMAND = re.compile(r"(?:^|[`/]|(?<!-n)\s)oi (?P<words>[a-z][a-z_-]*(?: [a-z][a-z-]*)?)")
MAKE = re.compile(r"`make (?P<target>[a-z-]+)")


def commands() -> dict[str, set[str]]:
    """The commands of `oi`, each with those below it."""
    group = typer.main.get_command(app)
    return {name: set(getattr(command, "commands", {})) for name, command in group.commands.items()}


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_to_files(path: Path) -> None:
    gone = [link for link in LINK.findall(path.read_text()) if not (path.parent / link).exists()]
    assert gone == []


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of a document's headings; lines of code that begin with # are none."""
    headings = HEADING.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def lost(path: Path, text: str) -> list[str]:
    """The links of a document to headings that are not there."""
    found = ANCHOR.findall(text)
    return [
        f"{to}#{anchor}"
        for to, anchor in found
        if anchor not in anchors((path.parent / to).read_text() if to else text)
    ]


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_anchors_of_links_are_headings(path: Path) -> None:
    assert lost(path, path.read_text()) == []


def test_an_anchor_that_is_no_heading_is_noticed() -> None:
    text = "# A `b`, c\n[1](#a-b-c) [2](#nosuch) [3](ingest.md#which-photos) [4](ingest.md#what-photos)\n"
    assert lost(CHECKOUT / "docs" / "x.md", text) == ["#nosuch", "ingest.md#what-photos"]


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_commands_exist(path: Path) -> None:
    known = commands()
    text = path.read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text)
    for block in blocks:
        for words in COMMAND.findall(block):
            name, _, below = words.partition(" ")
            assert name in known, f"oi {words}"
            if known[name] and below:
                assert below in known[name], f"oi {words}"


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_targets_exist(path: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):.*## ", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    assert set(MAKE.findall(path.read_text())) <= known


@pytest.mark.parametrize("model", [Settings, Addresses])
def test_every_setting_is_listed_with_what_it_is(model: type[BaseSettings]) -> None:
    rows = (CHECKOUT / "docs" / "settings.md").read_text().splitlines()
    told = {row.split(" | ")[0]: row.split(" | ") for row in rows if row.startswith("| `OI_")}
    for name, field in model.model_fields.items():
        _, default, about = told[f"| `OI_{name.upper()}`"]
        assert about == f"{field.description} |"
        if isinstance(field.default, (int, float)) and name != "cache_limit":
            assert default == f"`{field.default:g}`"


def test_the_reference_of_profiles_is_that_of_the_schema() -> None:
    assert (CHECKOUT / "docs" / "profile.md").read_text() == reference(), (
        "run: oi profiles --reference > docs/profile.md"
    )
    for field in ("classifier.epochs", "release.drawn", "gate"):
        assert f"## {field}\n" in reference()
