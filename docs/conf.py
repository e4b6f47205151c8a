"""How Sphinx makes a site of README.md, CHANGELOG.md and docs/*.md, for `make docs`: it mirrors the checkout.

So every link is the same here and on a git host, and one that leads nowhere ends the build (`--fail-on-warning`). A
page asks nothing of another place: no font, no script. What draws the diagrams comes from npm once and becomes part of
the site; without npm their text is shown.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

CHECKOUT = Path(__file__).parents[1]
sys.path.insert(0, str(CHECKOUT))

from tests.left_out import left_out  # noqa: E402
from tests.npm import Package  # noqa: E402

project = "Open Images, retrained every night"
html_title = project
extensions = ["myst_parser"]
root_doc = "README"
PAGES = ("README.md", "CHANGELOG.md", "docs")
include_patterns = [page if page.endswith(".md") else f"{page}/*.md" for page in PAGES]
exclude_patterns = [path.name for path in CHECKOUT.iterdir() if path.name not in PAGES]  # .venv alone has many files
html_theme = "furo"
html_copy_source = False
html_show_copyright = html_show_sphinx = html_use_index = False
html_static_path = ["static"]
html_favicon = "static/icon.svg"
html_css_files = ["site.css"]
myst_heading_anchors = 4  # as a git host names them
myst_fence_as_directive = ["mermaid"]
highlight_language = "none"
suppress_warnings = ["myst.header"]

CONTENTS = {
    "Start": ("docs/tutorial", "docs/own-photos", "docs/how-to", "docs/README"),
    "Use": ("docs/airflow", "docs/promotion", "docs/ingest", "docs/training", "docs/detection"),
    "Look up": ("docs/errors", "docs/profile", "docs/settings", "CHANGELOG"),
    "Install": ("docs/kubernetes", "docs/scaling"),
    "What came out": ("docs/results", "docs/benchmarks"),
    "How it is made": ("docs/architecture", "docs/drawing", "docs/decisions"),
}
MERMAID = Package(
    "@mermaid-js/tiny",
    "12.0.0",
    "ZW9YXy+3tSLPscBT+NnQO0K0qYH7BGES5nExl6Snoygey7xd2N0cO7Nq30N5k/u7gIeYoCrldyVy+VTCMWrNDQ==",
)
SCRIPT = "dist/mermaid.tiny.js"


class Mermaid(SphinxDirective):
    """A diagram: its text, which the browser draws where the site has the script."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The block."""
        return [nodes.literal_block("", "\n".join(self.content), classes=["mermaid"], language="none")]


def add_contents(app: Sphinx, name: str, source: list[str]) -> None:
    """The list of all pages, which stands beside them: the first page's Markdown does without it."""
    if name == root_doc:
        source[0] += "".join(
            f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(f"/{page}" for page in pages) + "\n```\n"
            for caption, pages in CONTENTS.items()
        )


def readable(app: Sphinx, name: str, template: str, context: dict[str, Any], tree: nodes.document | None) -> None:
    """What the theme leaves out for people without a mouse: code and tables that are pushed aside by the keyboard, and
    how deep the headings of the list of pages are.
    """
    for part, found, put in (
        ("body", "<pre>", '<pre tabindex="0">'),
        ("body", '<div class="table-wrapper', '<div tabindex="0" class="table-wrapper'),
        ("furo_navigation_tree", 'role="heading"', 'role="heading" aria-level="2"'),
    ):
        context[part] = context.get(part, "").replace(found, put)


def name_first_page(app: Sphinx, failure: Exception | None) -> None:
    """The first page, under the name that a browser asks for as well."""
    if not failure:
        shutil.copy(app.outdir / f"{root_doc}.html", app.outdir / "index.html")


def add_script(app: Sphinx) -> None:
    """The script that draws the diagrams, as a file of the site."""
    try:
        script = MERMAID.read(SCRIPT)
    except (OSError, subprocess.SubprocessError) as error:  # there is no npm, or it reaches no registry
        print(left_out(f"npm cannot fetch what draws the diagrams, so their text is shown: {error}"))
        return
    folder = Path(app.doctreedir).parent / "mermaid"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mermaid.js").write_bytes(script)
    app.config.html_static_path.append(str(folder))
    app.add_js_file("mermaid.js")
    app.add_js_file("diagrams.js")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("mermaid", Mermaid)
    app.connect("builder-inited", add_script)
    app.connect("source-read", add_contents)
    app.connect("html-page-context", readable, priority=1000)  # after the theme
    app.connect("build-finished", name_first_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
