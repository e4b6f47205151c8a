"""Toy DAGs of one step for a real Airflow: each makes a pod behave in one way, with a program in the place of `oi`."""

import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import SMALL
from tests.k8s.conftest import CHECKOUT, in_small_pods, write_templates

FILE = """
import os, sys
from datetime import timedelta
os.environ |= {settings!r}
sys.path.insert(0, {dags!r})
from airflow.sdk import DAG, task
from jobs import job, mapped_job
@task
def clusters():
    return [{{"cluster": name}} for name in {mapped!r}]
wait = {{"retry_delay": timedelta(seconds={retry_after})}}
with DAG({name!r}, schedule=None, max_active_runs={runs}, default_args=wait, params={{"dataset": "", "force": False}}):
    given = {{"name": {job!r}, "profile": {profile!r}, **{inputs!r}}}
    mapped_job(over=clusters(), label="cluster", **given) if {mapped!r} else job(**given)
"""
# One pod template serves all: which program is run is told by the DAG's name in the key of the result.
CHOOSE = """
import runpy, sys
dag = sys.argv[sys.argv.index("--result") + 1].split("/")[1]
runpy.run_path(f"/program/{dag}.py", run_name="__main__")
"""
REAL = f"""
import sys
sys.path[:0] = [{str(CHECKOUT)!r}, {sysconfig.get_path("purelib")!r}]
from oi_tasks.cli import main
main()
"""
NEVER = 3600  # seconds until a retry: more than any test takes


@dataclass(frozen=True)
class Toy:
    """A DAG of one step."""

    program: str
    job: str = "tables"
    pods: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=lambda: {"release": "c" * 20})
    profile: dict[str, Any] = field(default_factory=lambda: {"name": "p"})
    settings: dict[str, str] = field(default_factory=dict)
    """`OI_*` variables of this DAG alone."""
    mapped: tuple[str, ...] = ()
    """Names of the clusters that it is mapped over."""
    retry_after: int = NEVER
    runs: int = 4
    """How many of its runs may go on at once."""

    def write(self, name: str, folder: Path) -> None:
        """Write its file, and its program where pods find it."""
        fields = {key: getattr(self, key) for key in ("job", "inputs", "settings", "mapped", "retry_after", "runs")}
        profile = in_small_pods(self.profile, self.pods)
        text = FILE.format(name=name, profile=profile, dags=str(CHECKOUT / "dags"), **fields)
        (folder / "toy_dags" / f"{name}.py").write_text(text)
        (folder / "bin" / f"{name}.py").write_text(self.program)


def until_told(file: str) -> str:
    """A program that waits for a file."""
    return f"import os, time\nwhile not os.path.exists('/program/{file}'):\n    time.sleep(0.5)"


LINES = 20  # that a pod writes: half of them, and the rest when it is told
TOYS = {
    "missing_image": Toy("pass", settings={"OI_TRAINER_IMAGE": "registry.invalid/oi-trainer:none"}),
    "missing_secret": Toy("pass", settings={"OI_POD_SECRET": "no-such-keys"}),
    "four_on_two_gpus": Toy(
        until_told("go-on-training"), "train_semseg", {"gpu": {"gpus": 1}}, {}, mapped=("c0", "c1", "c2", "c3")
    ),
    "held": Toy(until_told("go-on")),
    "quota": Toy(until_told("room")),
    "memory": Toy("x = b'x' * (600 << 20)", pods={"cpu": {"memory": "64Mi"}}),
    "hangs": Toy("import time\ntime.sleep(600)", pods={"cpu": {"hours": 0.001}}),
    # All on one stream, as jobs do: lines of two streams reach a pod's log in any order.
    "bad_input": Toy(
        "import sys\nfor line in ('a line before', 'oi: no such release'):\n    print(line, file=sys.stderr)\nsys.exit(2)"
    ),
    "lines": Toy(
        f"for i in range({LINES // 2}):\n    print(f'line <{{i}}>', flush=True)\n{until_told('end-of-lines')}\n"
        f"for i in range({LINES // 2}, {LINES}):\n    print(f'line <{{i}}>', flush=True)"
    ),
    "training": Toy(
        REAL,
        "train_classifier",
        {"gpu": {"memory": "3Gi", "gpus": 1}},
        {"dataset": "{{ params.dataset }}"},
        SMALL | {"classifier": SMALL["classifier"] | {"epochs": {"frozen": 0, "unfrozen": 12}}},  # type: ignore[operator]
        {"OI_POD_SECRET": "training"},
        retry_after=1,
        runs=1,
    ),
}


def write_all(folder: Path, toys: dict[str, Toy]) -> None:
    """The files of toy DAGs, their programs, and the pods' templates."""
    write_templates(folder, CHOOSE)
    (folder / "toy_dags").mkdir()
    for name, toy in toys.items():
        toy.write(name, folder)
