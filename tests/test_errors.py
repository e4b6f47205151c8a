"""Every code that the source can give stands in docs/errors.md, and none that it cannot."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from oi_tasks.errors import BadInput, OiError, Refused, Stopped, Unreachable, coded
from oi_tasks.quality.findings import OWN

CHECKOUT = Path(__file__).parents[1]
PAGE = (CHECKOUT / "docs" / "errors.md").read_text(encoding="utf-8")
CODE = re.compile(r"[a-z][a-z0-9_]*")
SOURCES = [path for folder in ("oi_tasks", "dags") for path in sorted((CHECKOUT / folder).rglob("*.py"))]


def section(title: str) -> dict[str, list[str]]:
    """The rows of the tables below a heading: the other cells by the code in the first."""
    (text,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:3] == "| `"]
    codes = [row[0].strip("`| ") for row in rows]
    assert len(set(codes)) == len(codes), f"{title}: a code stands there twice"
    return dict(zip(codes, [row[1:] for row in rows], strict=True))


def told() -> dict[str, list[str]]:
    """The codes of lines that people read."""
    found: dict[str, list[str]] = {}
    for title in (
        "What is asked (status 2)",
        "What is refused (status 3)",
        "What does not answer (status 4)",
        "What fails (status 1, 75 and 130)",
    ):
        assert not set(found) & set(section(title))
        found |= section(title)
    return found


@cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


def calls() -> Iterator[tuple[Path, str, ast.Call]]:
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield path, getattr(node.func, "id", ""), node


def usual_codes() -> dict[str, str]:
    """What each class of errors says where no code is given, subclasses anywhere in the source included."""
    usual = {kind.__name__: kind.usual_code for kind in (OiError, BadInput, Refused, Unreachable, Stopped)}
    bases = {
        node.name: [getattr(base, "id", "") for base in node.bases]
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    for _ in bases:
        more = {name: usual[base] for name, of in bases.items() for base in of if base in usual and name not in usual}
        if not more:
            break
        usual |= more
    return usual


def given(call: ast.Call, place: int) -> ast.expr | None:
    named = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
    return (named or call.args[place : place + 1] or [None])[0]


def raised() -> set[str]:
    """The codes of all errors made in the source. A code is written out, or handed on from another error or reason."""
    usual = usual_codes()
    places = dict.fromkeys(usual, 3) | {"coded": 1, "Fault": 1}
    found = set(usual.values())
    for path, name, call in calls():
        if name not in places:
            continue
        code = given(call, places[name])
        if isinstance(code, ast.Constant) and code.value:
            found.add(code.value)
        else:
            handed_on = code is None or (isinstance(code, ast.Attribute) and code.attr == "code")
            assert handed_on, f"{path}:{call.lineno}: the code is not written out: {ast.unparse(call)}"
            assert code is not None or name in usual, f"{path}:{call.lineno}: no code"
    return found


def test_every_code_of_an_error_is_explained_and_no_other() -> None:
    assert set(told()) == raised()


def test_each_example_ends_with_its_code() -> None:
    for code, (*_, example) in told().items():
        assert example.strip("`| ").endswith(f"[{code}]"), example


def test_codes_are_spelled_one_way() -> None:
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    assert all(CODE.fullmatch(code) for title in titles for code in section(title))


def test_the_findings_are_those_of_the_suites() -> None:
    entries = [
        entry
        for path in sorted((CHECKOUT / "expectations").glob("*.json"))
        for entry in json.loads(path.read_text(encoding="utf-8"))["expectations"]
    ]
    texts: dict[str, list[tuple[str, str, str]]] = {}
    for entry in entries:
        meta = entry["meta"]
        texts.setdefault(meta["code"], []).append((entry["severity"], meta["what"], meta["do"]))
    for code, text in OWN.items():
        texts.setdefault(code, []).append((text.severity, text.what, text.do))
    written = section("What validation finds")
    assert written.keys() == texts.keys()
    for code, cells in written.items():
        assert tuple(cell.rstrip(" |") for cell in cells) in texts[code], code


def test_the_reasons_of_the_data_gate() -> None:
    (tree,) = [tree for path, tree in trees().items() if path.match("quality/verdict.py")]
    codes = {
        keyword.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Reason"
        for keyword in node.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
    }
    assert set(section("What the data gate says")) == codes


def test_the_reasons_of_the_serve_check() -> None:
    (tree,) = [tree for path, tree in trees().items() if path.match("jobs/serve_check.py")]
    codes = {
        node.elts[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Tuple) and [isinstance(one, ast.Constant) for one in node.elts] == [True, False]
    }
    assert set(section("What the serve check says")) == codes


def test_why_a_photo_is_set_apart() -> None:
    """Reasons stand beside the key `reason`, or are what `_fault_of` returns."""
    codes: set[str] = set()
    for path in (path for path in SOURCES if path.name in ("photo_check.py", "photo_intake.py")):
        for node in ast.walk(trees()[path]):
            if isinstance(node, ast.Dict):
                beside = [value for key, value in zip(node.keys, node.values, strict=True) if _is(key, "reason")]
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
                beside = [node.value] if _is(node.targets[0].slice, "reason") else []
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "MISSING":
                beside = [node.value]
            elif isinstance(node, ast.FunctionDef) and node.name == "_fault_of":
                beside = [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value]
            else:
                continue
            codes |= {code for value in beside for code in _texts(value)}
    assert codes
    assert set(section("Why a photo is set apart")) == codes


def _is(node: ast.expr | None, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def _texts(value: ast.expr) -> set[str]:
    """The texts that a value may be; of a condition, those of both sides."""
    sides = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
    return {side.value for side in sides if isinstance(side, ast.Constant) and isinstance(side.value, str)}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("the disk\n is full", "the disk is full [disk_full]"),
        ("fetch ended with status 4: oi: no [store_down]", "fetch ended with status 4: oi: no [store_down]"),
        ("classes [cat, dog]", "classes [cat, dog] [disk_full]"),
    ],
)
def test_a_line_has_one_code_that_of_the_cause(text: str, line: str) -> None:
    assert coded(text, "disk_full") == line


def test_an_error_without_a_code_has_that_of_its_kind() -> None:
    assert Unreachable("no answer", "here", "wait").line == "no answer (here); wait [unreachable]"
    assert str(BadInput("no", code="field")) == "no"
    assert BadInput("no", code="field").line == "no [field]"
