"""From the gate to the promotion in a real Airflow: a person approves, rejects or does not answer, over its REST API."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest

from oi_tasks.core.verdict_document import VerdictDocument
from oi_tasks.errors import Unreachable
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import Store
from oi_tasks.jobs.promote import Approval
from oi_tasks.local import keys, services
from oi_tasks.local.addresses import Addresses
from oi_tasks.local.airflow_api import Airflow, Run
from oi_tasks.settings import Settings

pytestmark = pytest.mark.slow
DAG, LATE, CLUSTERS = "oi_retrain", "toy_late", "toy_clusters"
DAGS = Path(__file__).parents[2] / "dags"
PATIENCE = 400.0  # seconds, on a busy machine
READS = 6.0  # seconds a person takes: an answer before Airflow has seen the task park is lost, and it asks again
REFUSED = {"verdict": "refuse", "candidate": 2, "champion": 1, "reasons": [{"code": "below_floor", "text": "too low"}]}

SLOW = {"verdict": "refuse", "reasons": [{"code": "too_slow", "text": "too slow"}]}


@dataclass
class World:
    """A running Airflow, and a published verdict."""

    airflow: Airflow
    verdict: str
    user: str
    told: list[dict[str, str]]
    """What the connection `oi_notify` was posted."""

    def start(self, **conf: Any) -> Run:
        return self.airflow.trigger(DAG, {"verdict_id": self.verdict, **conf})

    def states(self, run: Run) -> dict[str, str | None]:
        return {step.task_id: step.state for step in self.airflow.steps(run)}

    def until(self, run: Run, done: Callable[[], bool]) -> dict[str, str | None]:
        """The states of all tasks once it is done; an Airflow that is too busy to answer is asked again."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with suppress(Unreachable):
                if done():
                    return self.states(run)
            time.sleep(0.5)
        raise AssertionError(f"it does not come to that: {self.states(run)}")

    def wait(self, run: Run, task: str, state: str) -> dict[str, str | None]:
        return self.until(run, lambda: self.states(run).get(task) == state)

    def ended(self, run: Run) -> dict[str, str | None]:
        found = self.until(run, lambda: not self.airflow.run(DAG, run.id).active)
        assert self.airflow.run(DAG, run.id).state == "success"
        return found

    def given(self, run: Run, task: str) -> Any:
        step = next(step for step in self.airflow.steps(run) if step.task_id == task)
        return self.airflow.value(step)["given"]

    def details(self, run: Run) -> str:
        return f"/dags/{DAG}/dagRuns/{quote(run.id, safe='')}/taskInstances/approve/-1/hitlDetails"

    def answer(self, run: Run, option: str, comment: str) -> None:
        said = {"chosen_options": [option], "params_input": {"comment": comment}}
        self.airflow._ask("PATCH", self.details(run), json=said)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    state = tmp_path_factory.mktemp("airflow")
    folder = tmp_path_factory.mktemp("dags")
    for module in ("notify.py", "promotion.py", "run_note.py", "jobs.py", "forms.py", "links.py"):
        shutil.copy(DAGS / module, folder)
    for toy in Path(__file__).with_name("promotion_dags").glob("*.py"):
        shutil.copy(toy, folder)
    shutil.copy(DAGS / ".airflowignore", folder)
    told: list[dict[str, str]] = []
    hook = _hook(told)
    connection = {"conn_type": "http", "host": "127.0.0.1", "port": hook.server_address[1], "schema": "http"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_OI_NOTIFY", json.dumps(connection))
        running = services.start(state, ("minio", "airflow"), Addresses.free(), dags=folder)
    try:
        found = Settings(_env_file=running.state / "env", cache=state / "cache")
        document = VerdictDocument(
            decision="promote", reasons=(), note="compared with the champion", candidate=2, champion=1,
            evaluation="e" * 20, profile="toy", judged=(), thresholds={},
        )  # fmt: skip
        out = tmp_path_factory.mktemp("verdict")
        (out / "verdict.json").write_text(document.model_dump_json())
        outputs = Outputs(Store(found), found.cache)
        verdict = outputs.publish("gate", "1", "k", {}, out, {}, {}).id
        lines = keys.read(running.state / "env")
        airflow = Airflow(lines["OI_AIRFLOW_URL"], lines["OI_AIRFLOW_USER"], lines["OI_AIRFLOW_PASSWORD"])
        until = time.monotonic() + PATIENCE
        for dag in (DAG, LATE, CLUSTERS):
            while not airflow.dag_exists(dag):
                assert time.monotonic() < until, airflow.import_errors()
                time.sleep(1)
            airflow.unpause(dag)
        yield World(airflow, verdict, lines["OI_AIRFLOW_USER"], told)
    finally:
        services.stop(state)
        hook.shutdown()
        hook.server_close()


def _hook(told: list[dict[str, str]]) -> HTTPServer:
    """A web address that keeps what is posted to it."""

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_each_way_from_the_gate_ends_as_it_should(world: World) -> None:
    asked = {"promotion": "approval"}
    runs = {
        "approved": world.start(**asked),
        "rejected": world.start(**asked),
        "late": world.start(**asked, hours=0.001),
        "automatic": world.start(reason="the toy was asked"),
        "refused": world.start(gate=REFUSED),
        "does not serve": world.start(**asked, serve_check=SLOW),
        "nothing new": world.start(**asked, plan={"champion": 2}),
    }
    for name in ("approved", "rejected"):
        states = world.wait(runs[name], "approve", "awaiting_input")
        assert states["promote"] is None
        assert states["turn_down"] is None
    body = world.airflow._get(world.details(runs["approved"]))["body"]
    assert "Version 2 of oi-cascade passed the gate of the profile toy" in body
    assert "/#/models/oi-cascade/versions/2" in body
    address = f"dag_id=oi_retrain&run_id={quote(runs['approved'].id, safe='')}"
    assert f"[reports of this run]({world.airflow.url}/open-images/?{address})" in body
    time.sleep(READS)
    world.answer(runs["approved"], "Approve", "looks good")
    world.answer(runs["rejected"], "Reject", "the dogs are gone")
    ends = {name: world.ended(run) for name, run in runs.items()}
    outcome = {name: (states["promote"], states["turn_down"]) for name, states in ends.items()}
    assert outcome == {
        "approved": ("success", "skipped"),
        "rejected": ("skipped", "success"),
        "late": ("skipped", "success"),
        "automatic": ("success", "skipped"),
        "refused": ("skipped", "skipped"),
        "does not serve": ("skipped", "skipped"),
        "nothing new": ("success", "skipped"),
    }
    assert {states["report"] for states in ends.values()} == {"success"}
    assert {states["note"] for states in ends.values()} == {"success"}
    notes = {name: world.airflow.run(DAG, run.id).note for name, run in runs.items()}
    assert notes == {
        "approved": "promoted version 2 of oi-cascade, before it was version 1",
        "rejected": f"version 2 of oi-cascade was turned down by {world.user}: the dogs are gone",
        "late": "version 2 of oi-cascade was turned down: nobody answered, and the time was up",
        "automatic": "promoted version 2 of oi-cascade, before it was version 1 (started because: the toy was asked)",
        "refused": "refused: version 2 of oi-cascade: too low",
        "does not serve": "not promoted: version 2 of oi-cascade does not serve: too slow",
        "nothing new": "promoted version 2 of oi-cascade, before it was version 1",
    }
    _told_once_with_the_report(world, runs, notes)
    assert ends["nothing new"]["approve"] == ends["automatic"]["approve"] == "skipped"
    assert ends["refused"]["serve_check"] == "skipped"
    answers = {
        "approved": world.given(runs["approved"], "promote")["approval"],
        "rejected": world.given(runs["rejected"], "turn_down")["approval"],
        "late": world.given(runs["late"], "turn_down")["approval"],
    }
    said = {name: Approval.model_validate(answer) for name, answer in answers.items()}
    assert (said["approved"].answer, said["approved"].comment) == ("approve", "looks good")
    assert (said["rejected"].answer, said["rejected"].comment) == ("reject", "the dogs are gone")
    assert (said["late"].answer, said["late"].by) == ("reject", "")
    assert said["approved"].by == said["rejected"].by == world.user
    assert said["approved"].at.startswith("20")


def _told_once_with_the_report(world: World, runs: dict[str, Run], notes: dict[str, str | None]) -> None:
    """Each run that ended without a promotion is told once, also when its last task is run once more; no other is."""
    refused = runs["refused"]
    before = _tries(world, refused, "note")
    clear = {"dry_run": False, "dag_run_id": refused.id, "task_ids": ["note"], "only_failed": False}
    world.airflow._ask("POST", f"/dags/{DAG}/clearTaskInstances", json=clear)
    world.until(refused, lambda: _tries(world, refused, "note") > before and world.states(refused)["note"] == "success")
    url = world.airflow.url
    told = {
        name: [said["text"] for said in world.told if f"(run {run.id})" in said["text"]] for name, run in runs.items()
    }
    assert told == {
        name: [
            f"oi_retrain: {notes[name]} (run {run.id})\n"
            f"report: {url}/open-images/report/runs/{world.verdict}.html\n"
            f"run: {url}/dags/oi_retrain/runs/{quote(run.id, safe='')}"
        ]
        if name in ("rejected", "late", "refused", "does not serve")
        else []
        for name, run in runs.items()
    }


def _tries(world: World, run: Run, task: str) -> int:
    found = world.airflow._get(f"/dags/{DAG}/dagRuns/{quote(run.id, safe='')}/taskInstances/{task}")
    return int(found["try_number"])


def test_a_run_that_fails_counts_as_failed_and_its_note_says_why(world: World) -> None:
    run = world.start(gate={"verdict": "promote"})
    world.until(run, lambda: not world.airflow.run(DAG, run.id).active)
    ended = world.airflow.run(DAG, run.id)
    assert ended.state == "failed"
    assert ended.note == "failed at passed: 'reasons'"
    told = [said["text"].splitlines() for said in world.told if f"(run {run.id})" in said["text"]]
    address = f"dag_id=oi_retrain&run_id={quote(run.id, safe='')}"
    assert told == [
        [
            f"oi_retrain: the step passed failed: 'reasons' (run {run.id})",
            f"reports: {world.airflow.url}/open-images/?{address}",
            f"run: {world.airflow.url}/dags/oi_retrain/runs/{quote(run.id, safe='')}",
        ]
    ]


def test_a_run_that_takes_too_long_is_told_once_and_goes_on(world: World) -> None:
    quick, slow = (world.airflow.trigger(LATE, {"seconds": seconds}) for seconds in (0, 40))
    for run in (quick, slow):
        world.until(run, lambda run=run: not world.airflow.run(LATE, run.id).active)
        assert world.airflow.run(LATE, run.id).state == "success"
    late = [said["text"] for said in world.told if "has not ended" in said["text"] and slow.id in said["text"]]
    assert late == [f"toy_late: the run {slow.id} has not ended within 0.005 hours; it goes on"]


@pytest.mark.parametrize(
    ("failing", "state", "evaluated"),
    [
        (["fish"], "success", ["bird", "cat"]),
        (["bird", "cat", "fish"], "success", []),
        (["classifier"], "failed", None),
        (["clusters"], "failed", None),  # as where the form names one that there is not
    ],
)
def test_a_cluster_whose_training_fails_fails_alone(
    world: World, failing: list[str], state: str, evaluated: list[str] | None
) -> None:
    run = world.airflow.trigger(CLUSTERS, {"clusters": ["bird", "fish", "cat"], "failing": failing})
    world.until(run, lambda: not world.airflow.run(CLUSTERS, run.id).active)
    steps = {step.name: step for step in world.airflow.steps(run)}
    assert world.airflow.run(CLUSTERS, run.id).state == state, steps
    assert steps["evaluate"].state == ("success" if evaluated is not None else "upstream_failed")
    assert world.airflow.value(steps["evaluate"]) == evaluated
