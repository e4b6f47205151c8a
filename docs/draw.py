"""`python docs/draw.py`: draw the packages' imports and the DAGs' tasks into docs/drawing.md, from the code itself."""

import ast
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import networkx

CHECKOUT = Path(__file__).parents[1]
PAGE = CHECKOUT / "docs" / "drawing.md"
EVERYWHERE = {"errors", "settings", "results", "__version__"}  # small files that all may import
HEAD = """\
# The drawing

Made from the code by `make docs`; a test tells when it is old. [What it means](architecture.md).

## Who imports whom
An arrow leads from who imports to who is imported, also within a function; one that others imply is left out. Packages
in one box import each other. Not drawn: `errors`, `settings` and `results`, which all may import, and what is for the
type checker alone.
"""


def imports() -> "networkx.DiGraph[str]":
    """Packages of oi_tasks, with `dags`: an edge from who imports to who is imported."""
    found: networkx.DiGraph[str] = networkx.DiGraph()
    for folder in ("oi_tasks", "dags"):
        for path in sorted((CHECKOUT / folder).rglob("*.py")):
            parts = path.relative_to(CHECKOUT).with_suffix("").parts
            importer = "dags" if folder == "dags" else parts[1]
            for module in _modules(ast.parse(path.read_text(encoding="utf-8"))):
                package = module.split(".")[1]
                if package != importer and not {package, importer} & EVERYWHERE:
                    found.add_edge(importer, package)
    return found


def _modules(tree: ast.AST) -> Iterator[str]:
    """The modules of oi_tasks that a file imports when it runs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "oi_tasks":
            of = str(node.module)
            yield from [of] if "." in of else [f"{of}.{alias.name}" for alias in node.names]
        yield from _modules(node)


def packages_drawing(graph: "networkx.DiGraph[str]") -> str:
    """The imports as Mermaid, a layer a row."""
    whole = networkx.condensation(graph)
    members = {place: sorted(whole.nodes[place]["members"]) for place in whole}
    names = {place: "_".join(members[place]) for place in whole}
    lines = ["flowchart TD"]
    for layer in networkx.topological_generations(whole):
        lines += [f'  {names[place]}["{" · ".join(members[place])}"]' for place in sorted(layer, key=names.__getitem__)]
    reduced = networkx.transitive_reduction(whole)
    lines += sorted(f"  {names[one]} --> {names[other]}" for one, other in reduced.edges)
    return _mermaid(lines)


def dag_drawing(dag: Any) -> str:
    """The tasks of a DAG as Mermaid, by their groups; a task that is mapped has a second edge."""
    graph: networkx.DiGraph[str] = networkx.DiGraph()
    graph.add_nodes_from(sorted(dag.task_ids))
    graph.add_edges_from((task.task_id, below) for task in dag.tasks for below in task.downstream_task_ids)
    groups: dict[str, list[str]] = {}
    for task in dag.tasks:
        groups.setdefault((task.task_group and task.task_group.group_id) or "", []).append(task.task_id)
    mapped = {task.task_id for task in dag.tasks if type(task).__name__.endswith("MappedOperator")}
    lines = ["flowchart LR"]
    for group, tasks in sorted(groups.items()):
        shown = [
            f'  {_id(task)}[["{task} × each"]]' if task in mapped else f"  {_id(task)}[{task}]"
            for task in sorted(tasks)
        ]
        lines += [f"  subgraph {group}", *(f"  {line}" for line in shown), "  end"] if group else shown
    lines += sorted(f"  {_id(one)} --> {_id(other)}" for one, other in networkx.transitive_reduction(graph).edges)
    return f"### {dag.dag_id}\n{dag.description}\n{_mermaid(lines)}"


def page(dags: Iterable[Any]) -> str:
    """All of docs/drawing.md."""
    tasks = "\n".join(dag_drawing(dag) for dag in sorted(dags, key=lambda dag: dag.dag_id))
    return f"{HEAD}{packages_drawing(imports())}\n## What runs, in which order\n{tasks}"


def _id(task: str) -> str:
    """A name that Mermaid takes: `end` alone is a word of its own."""
    return f"t_{task.replace('.', '_')}"


def _mermaid(lines: Iterable[str]) -> str:
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        sys.path.insert(0, str(CHECKOUT / "dags"))
        from airflow.dag_processing.dagbag import DagBag

        PAGE.write_text(page(DagBag(dag_folder=str(CHECKOUT / "dags")).dags.values()), encoding="utf-8")


if __name__ == "__main__":
    main()
