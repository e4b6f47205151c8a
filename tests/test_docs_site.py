"""The site of the documents, as `make docs` builds it: every link in it leads somewhere, and people can read it."""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.e2e.pages import axe, browser
from tests.left_out import VARIABLE, left_out

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[1]
MARKDOWN = ["README.md", "CHANGELOG.md", *(f"docs/{path.name}" for path in sorted((CHECKOUT / "docs").glob("*.md")))]
LOOKED_AT = ("index", "docs/how-to", "docs/drawing", "docs/errors", "docs/profile")


def build(checkout: Path, out: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What `make docs` does for the site."""
    (recipe,) = re.findall(r"^\t@\$\(BIN\)/python (-m sphinx .*)$", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    words = recipe.replace("build/doctrees", f"{out}/doctrees").replace("build/docs", f"{out}/docs").split()
    told = {name: value for name, value in os.environ.items() if name != VARIABLE} | environment
    return subprocess.run([sys.executable, *words], cwd=checkout, env=told, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = build(CHECKOUT, out)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return out / "docs"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A checkout of the documents alone."""
    for name in ("docs", "tests/__init__.py", "tests/left_out.py", "tests/npm.py", "README.md", "CHANGELOG.md"):
        to = tmp_path / "checkout" / name
        to.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (CHECKOUT / name).is_dir() else shutil.copy)(CHECKOUT / name, to)
    return tmp_path / "checkout"


class Read(HTMLParser):
    """The places of a page that can be linked to, what it links to, and what a browser fetches for it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids |= {found["id"]} if found.get("id") else set()
        if tag in ("script", "img", "iframe", "link", "source"):
            self.fetched += [value for value in (found.get("src"), found.get("href")) if value]
        elif tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))


def test_the_site_has_every_page_and_nothing_of_the_code(site: Path) -> None:
    made = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert {name.replace(".md", ".html") for name in MARKDOWN} | {"index.html", "search.html"} == made
    assert list(site.rglob("*.py")) == []
    listed = Read(site / "index.html").links
    assert [name for name in MARKDOWN[1:] if name.replace(".md", ".html") not in listed] == []


def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    pages = {path: Read(path) for path in site.rglob("*.html")}
    lost = []
    for path, page in pages.items():
        for link in [*page.links, *page.fetched]:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "data"):
                continue
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not to.is_file() or (parts.fragment and parts.fragment not in pages[to].ids):
                lost.append(f"{path.name}: {link}")
    assert sum(len(page.links) for page in pages.values()) > 500
    assert lost == []


def test_a_page_fetches_nothing_from_another_place(site: Path) -> None:
    fetched = [link for path in site.rglob("*.html") for link in Read(path).fetched]
    assert [link for link in fetched if urlsplit(link).netloc] == []
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^)]*", styles) == []


def test_a_link_that_leads_nowhere_ends_the_build(copied: Path) -> None:
    page = copied / "docs" / "tutorial.md"
    page.write_text(page.read_text() + "\n[1](nosuch.md) [2](errors.md#no-such-heading) [3](../README.md)\n")
    done = build(copied, copied.parent)
    assert done.returncode != 0
    assert "nosuch.md" in done.stderr
    assert "no-such-heading" in done.stderr
    assert "README" not in done.stderr


def test_a_page_that_no_list_leads_to_ends_the_build(copied: Path) -> None:
    (copied / "docs" / "forgotten.md").write_text("# Forgotten\n")
    done = build(copied, copied.parent)
    assert done.returncode != 0
    assert "forgotten.md" in done.stderr


@pytest.mark.parametrize("npm", [None, "#!/bin/sh\nexit 1\n"], ids=["none", "no registry"])
def test_without_npm_the_text_of_a_diagram_is_shown_and_said_so(copied: Path, npm: str | None) -> None:
    if npm:
        (copied / "npm").write_text(npm)
        (copied / "npm").chmod(0o755)
    alone = {"PATH": str(copied), "OI_CACHE": str(copied.parent / "cache")}
    done = build(copied, copied.parent, **alone)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "left out: npm cannot fetch what draws the diagrams" in done.stdout
    page = (copied.parent / "docs" / "docs" / "drawing.html").read_text(encoding="utf-8")
    assert "flowchart LR" in page
    assert "mermaid.js" not in page
    done = build(copied, copied.parent, **alone, **{VARIABLE: "1"})
    assert done.returncode != 0
    assert "nothing may be left out" in done.stderr


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_the_site_can_be_read(address: str, width: int, scheme: str) -> None:
    if browser.program() is None or not axe.at_hand():
        pytest.skip(left_out("there is no browser, or no npm to fetch axe-core"))
    diagrams = (CHECKOUT / "docs" / "drawing.md").read_text().count("```mermaid")
    with browser.browser() as running:
        tab = running.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        with browser.overheard(tab, address) as (elsewhere, errors):
            for name in LOOKED_AT:
                tab.goto(f"{address}/{name}.html", wait_until="networkidle")
                if name == "docs/drawing":
                    tab.locator(".diagram svg").nth(diagrams - 1).wait_for()
                wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert wide <= 0, name
                assert axe.grave_faults(tab) == [], name
            tab.goto(f"{address}/search.html?q=rollback", wait_until="networkidle")
            tab.get_by_role("link", name="Promotion, rollback and the ledger").last.wait_for()
        assert (elsewhere, errors) == ([], [])
