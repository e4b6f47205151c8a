"""Who has not signed in gets nothing of the tab; what a report in its frame links to is asked for once more."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TAB = Path(__file__).parents[2] / "dags" / "plugins" / "open_images.py"
FROM_A_REPORT = {"sec-fetch-dest": "iframe", "sec-fetch-site": "cross-site"}  # as a browser marks it


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        spec = importlib.util.spec_from_file_location("open_images", TAB)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def client(tab):
    from fastapi.testclient import TestClient

    return TestClient(tab.app)


@pytest.mark.parametrize("path", ["/", "/report/quality/x.html", "/report/quality/x.html?again=1"])
@pytest.mark.parametrize("headers", [{}, {"sec-fetch-dest": "iframe", "sec-fetch-site": "same-origin"}])
def test_nobody_gets_anything(client, path: str, headers: dict[str, str]) -> None:
    answer = client.get(path, headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})


def test_a_link_of_a_report_in_the_frame_is_asked_for_once_more(client) -> None:
    answer = client.get("/report/quality/x.html", headers=FROM_A_REPORT)
    assert answer.status_code == 401
    assert answer.text == '<meta http-equiv="refresh" content="0; url=?again=1">'
    again = client.get("/report/quality/x.html?again=1", headers=FROM_A_REPORT)
    assert (again.status_code, again.json()) == (401, {"detail": "Not authenticated"})


def test_a_database_that_does_not_answer_leaves_what_waits_unknown(tab, tmp_path: Path) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.orm import sessionmaker

    with pytest.MonkeyPatch.context() as patch:
        empty = sessionmaker(create_engine(f"sqlite:///{tmp_path / 'empty.db'}"))
        patch.setattr("airflow.settings.NonScopedSession", empty)
        assert tab.questions({"oi_retrain"}) is None


ASKED = """
import importlib.util, json, sqlite3, sys, uuid
from airflow.utils.db import initdb
from airflow.settings import engine
initdb()
base = sqlite3.connect(engine.url.database)  # which checks no foreign keys: the run and the DAG are not needed

def put(table, **known):
    columns = base.execute(f"pragma table_info({table})").fetchall()
    row = {name: known.get(name, 0) for _, name, _, must, default, _ in columns if name in known or must and default is None}
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    base.execute(f"insert into {table} ({names}) values ({marks})", [*row.values()])

def ask(dag, run, state, subject, at, answered=None):
    task = uuid.uuid4().hex
    put("task_instance", id=task, dag_id=dag, run_id=run, task_id="approve", map_index=-1, state=state)
    put("hitl_detail", ti_id=task, subject=subject, options="[]", params="{}", params_input="{}", created_at=at,
        responded_at=answered)

ask("oi_retrain", "b", "awaiting_input", "later?", "2026-11-27 02:31:00")
ask("oi_retrain", "a+1", "awaiting_input", "first?", "2026-11-27 02:30:00")
ask("oi_retrain", "c", "success", "answered?", "2026-11-27 02:30:00", "2026-11-27 02:40:00")
ask("oi_retrain", "d", "failed", "given up?", "2026-11-27 02:30:00")
ask("secret", "e", "awaiting_input", "not for you?", "2026-11-27 02:30:00")
base.commit()
spec = importlib.util.spec_from_file_location("open_images", sys.argv[1])
tab = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tab)
print(json.dumps([[one.subject, one.page, f"{one.since:%H:%M}"] for one in tab.questions({"oi_retrain"})]))
"""


@pytest.mark.slow
def test_what_waits_is_read_from_airflows_own_database_for_the_dags_that_one_may_read(tmp_path: Path) -> None:
    env = os.environ | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run([sys.executable, "-c", ASKED, TAB], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    page = "/dags/oi_retrain/runs/{}/tasks/approve/required_actions"
    assert json.loads(done.stdout.splitlines()[-1]) == [
        ["first?", page.format("a%2B1"), "02:30"],
        ["later?", page.format("b"), "02:31"],
    ]


BELOW = """
import importlib.util, json, sys
from oi_tasks.overview import Overview
from oi_tasks.reports.overview import overview_page
spec = importlib.util.spec_from_file_location("open_images", sys.argv[1])
tab = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tab)
views = [view["href"] for view in tab.OpenImages.external_views]
nothing = Overview(champion=None, quality=None, pages=(), ledger=(), problems=())
page = overview_page(nothing, tab._address, below=tab.BELOW)
print(json.dumps([*views, tab._address("oi-reports/runs/a.html"), tab._where_to_answer("d", "r", "t"), page]))
"""


@pytest.mark.parametrize(("address", "path"), [("https://company.example/airflow/", "/airflow"), ("", "")])
def test_below_a_path_of_airflow_every_link_is_below_it(tmp_path: Path, address: str, path: str) -> None:
    env = os.environ | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__API__BASE_URL": address}
    done = subprocess.run([sys.executable, "-c", BELOW, TAB], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    *links, page = json.loads(done.stdout.splitlines()[-1])
    assert links == [
        f"{path}/open-images/",
        f"{path}/open-images/?dag_id={{DAG_ID}}",
        f"{path}/open-images/?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
        f"{path}/open-images/report/runs/a.html",
        f"{path}/dags/d/runs/r/tasks/t/required_actions",
    ]
    assert f'href="{path}/required_actions"' in page
