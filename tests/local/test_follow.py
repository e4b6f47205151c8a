"""Following runs over HTTP: an Airflow of recorded answers, with its token, its queue and its faults."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from rich.console import Console

from oi_tasks.errors import BadInput, Unreachable
from oi_tasks.local import airflow_api, demo, follow
from oi_tasks.local.airflow_api import Airflow, Refusal, Run
from oi_tasks.local.outcome import End

RUN = "manual__2026-11-24T12:30:48.838382+00:00"  # a run's id has signs that an address must quote
Reply = tuple[int, Any]


class Recorded:
    """An Airflow that answers as `answer(method, path, query)` says, to those who have its newest token."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.token = 0
        self.answer: Callable[[str, str, dict[str, str]], Reply] = lambda method, path, query: (404, {})

    def reply(self, method: str, target: str, authorization: str) -> Reply:
        parts = urlsplit(target)
        if parts.path == "/auth/token":
            self.token += 1
            return 201, {"access_token": f"token{self.token}"}
        self.asked.append((method, unquote(parts.path)))
        if authorization != f"Bearer token{self.token}":
            return 401, {"detail": "Invalid token"}
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return self.answer(method, unquote(parts.path).removeprefix("/api/v2"), query)


@pytest.fixture
def recorded() -> Iterator[tuple[Recorded, Airflow]]:
    """The recorded Airflow, and a connection to it."""
    state = Recorded()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = state.reply(self.command, self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_GET = do_POST = do_PATCH = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield state, Airflow(f"http://127.0.0.1:{server.server_port}", "admin", "password")
        server.shutdown()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (airflow_api, demo, follow):
        monkeypatch.setattr(module, "wait_fixed", lambda seconds: lambda state: 0.01)


def said_run(dag: str, run_id: str, state: str, **more: Any) -> dict[str, Any]:
    return {"dag_id": dag, "dag_run_id": run_id, "state": state, "conf": {"profile": "demo"}, **more}


def said_step(task: str, state: str | None, run_id: str = RUN, **more: Any) -> dict[str, Any]:
    dag = "oi_ingest" if run_id == RUN else "oi_retrain"
    return {"task_id": task, "dag_id": dag, "dag_run_id": run_id, "map_index": -1, "state": state, **more}


def test_a_token_that_ran_out_is_renewed(recorded: tuple[Recorded, Airflow]) -> None:
    state, airflow = recorded
    state.answer = lambda method, path, query: (200, said_run("oi_ingest", RUN, "running"))
    assert airflow.run("oi_ingest", RUN).id == RUN
    state.token = 7
    assert airflow.run("oi_ingest", RUN).active
    assert [path for _, path in state.asked] == [f"/api/v2/dags/oi_ingest/dagRuns/{RUN}"] * 3


def test_a_get_is_repeated_while_the_server_is_busy_but_a_run_is_never_started_twice(
    recorded: tuple[Recorded, Airflow],
) -> None:
    state, airflow = recorded
    answers = iter([(500, {}), (503, {}), (200, said_run("oi_ingest", RUN, "running"))])
    state.answer = lambda method, path, query: next(answers)
    assert airflow.run("oi_ingest", RUN).state == "running"
    state.asked.clear()
    state.answer = lambda method, path, query: (500, {"detail": "database is locked"})
    with pytest.raises(Refusal, match="Airflow answers 500: .*database is locked"):
        airflow.trigger("oi_ingest", {"profile": "demo"})
    assert state.asked == [("POST", "/api/v2/dags/oi_ingest/dagRuns")]


def test_an_airflow_that_is_down_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_api, "PATIENCE", 0.05)
    with pytest.raises(Unreachable, match=r"Airflow does not answer: \w+ \(http://127.0.0.1:9\); `make demo`") as down:
        Airflow("http://127.0.0.1:9", "admin", "x").unpause("oi_ingest")
    assert "\n" not in str(down.value)


def test_all_pages_of_steps_are_read(recorded: tuple[Recorded, Airflow]) -> None:
    state, airflow = recorded
    every = [said_step("train_semseg", None, map_index=index) for index in range(230)]

    def pages(method: str, path: str, query: dict[str, str]) -> Reply:
        first = int(query["offset"])
        return 200, {"task_instances": every[first : first + int(query["limit"])], "total_entries": len(every)}

    state.answer = pages
    steps = airflow.steps(Run.model_validate(said_run("oi_ingest", RUN, "running")))
    assert [step.map_index for step in steps] == list(range(230))


class Story:
    """An ingest and the retrain that it starts, one moment further at each look at the ingest."""

    def __init__(self, promote: str = "success", semseg: str = "success", queued: int = 1) -> None:
        self.moment, self.promote, self.semseg, self.queued = 0, promote, semseg, queued

    def __call__(self, method: str, path: str, query: dict[str, str]) -> Reply:
        if path == f"/dags/oi_ingest/dagRuns/{RUN}":
            self.moment += 1
        for end, answer in (
            ("/assets/events", self.events),
            ("/xcomEntries/return_value", lambda: self.value(path)),
            ("/taskInstances", lambda: self.steps(path)),
            (
                f"/oi_ingest/dagRuns/{RUN}",
                lambda: said_run("oi_ingest", RUN, "success" if self.moment > 2 else "running"),
            ),
            ("/oi_retrain/dagRuns/second", lambda: said_run("oi_retrain", "second", self.retrain())),
        ):
            if path.endswith(end):
                if end == "/assets/events":
                    assert query["source_run_id"] == RUN
                said = answer()
                return (500, {}) if said is None else (200, said)
        return 404, {}

    def retrain(self) -> str:
        return "running" if self.moment < 6 + self.queued else "failed" if self.semseg == "failed" else "success"

    def events(self) -> dict[str, Any] | None:
        """None, a 500, while the created run is queued: so does Airflow 3.3.2."""
        if 2 < self.moment <= 2 + self.queued:
            return None
        created = [{"dag_id": "oi_retrain", "run_id": "second"}] if self.moment > 2 + self.queued else []
        return {"asset_events": [{"created_dagruns": created}] if created else []}

    def steps(self, path: str) -> dict[str, Any]:
        times = {"start_date": "2026-11-24T12:30:50Z", "end_date": "2026-11-24T12:30:56.100Z"}
        if "oi_ingest" in path:
            steps = [said_step("fetch", "running" if self.moment == 1 else "success", **times)]
        else:
            over = self.retrain() != "running"
            mapped = {"map_index": 0, "rendered_map_index": "animals", **times}
            steps = [
                said_step("train_semseg", self.semseg if over else "running", "second", **mapped),
                said_step("gate", "success" if over else None, "second", **times),
                said_step("promote", self.promote if over else None, "second", **times),
            ]
        return {"task_instances": steps, "total_entries": len(steps)}

    @staticmethod
    def value(path: str) -> dict[str, Any]:
        refused = {"verdict": "refuse", "reasons": [{"code": "floor", "text": "macro F1 0.41 is under 0.80"}]}
        return {"value": {"reused": "fetch" in path, "result": refused if "/gate/" in path else {}}}


def followed(
    recorded: tuple[Recorded, Airflow], story: Story, terminal: bool = False
) -> tuple[follow.Follower, Any, str]:
    state, airflow = recorded
    state.answer = story
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=terminal, width=100, color_system=None)
    follower = follow.Follower(airflow, console, Run.model_validate(said_run("oi_ingest", RUN, "running")))
    return follower, follower.follow(), shown.getvalue()


def test_a_run_is_followed_to_the_promotion(recorded: tuple[Recorded, Airflow]) -> None:
    _, ended, shown = followed(recorded, Story())
    assert ended.end is End.PROMOTED
    lines = [line.split(maxsplit=1)[1] for line in shown.splitlines()]
    assert [" ".join(line.split()) for line in lines] == [
        "· oi_ingest fetch running",
        "✓ oi_ingest fetch done in 6.1 s, reused",
        "· oi_retrain train_semseg [animals] running",
        "✓ oi_retrain train_semseg [animals] done in 6.1 s",
        "✓ oi_retrain gate done in 6.1 s",
        "✓ oi_retrain promote done in 6.1 s",
    ]


def test_a_retrain_that_waits_long_for_its_turn_is_waited_for(
    recorded: tuple[Recorded, Airflow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "PATIENCE", 0.05)
    _, ended, _ = followed(recorded, Story(queued=40))
    assert ended.end is End.PROMOTED


def test_an_asset_that_starts_nothing_ends_it(
    recorded: tuple[Recorded, Airflow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "PATIENCE", 0.2)
    story = Story()
    story.events = lambda: {"asset_events": []}  # type: ignore[method-assign]
    follower, ended, _ = followed(recorded, story)
    assert ended.end is End.NO_RETRAIN
    with pytest.raises(demo.StepFailed, match="its asset started no oi_retrain within"):
        demo._tell_end(follower.airflow, follower, ended, lambda text: None)


def test_a_refusal_is_told_with_its_reasons(recorded: tuple[Recorded, Airflow]) -> None:
    follower, ended, _ = followed(recorded, Story(promote="skipped"))
    said: list[str] = []
    demo._tell_end(follower.airflow, follower, ended, said.append)
    assert ended.end is End.REFUSED
    assert said[-2:] == ["The model is not promoted:", "  - macro F1 0.41 is under 0.80"]


def test_a_failed_step_is_told_with_its_log_and_page(recorded: tuple[Recorded, Airflow]) -> None:
    follower, ended, shown = followed(recorded, Story(semseg="failed"))
    assert "✗ oi_retrain  train_semseg [animals]" in shown
    state, airflow = recorded
    state.answer = lambda method, path, query: (200, {"content": [{"event": "CUDA out of memory"}]})
    said: list[str] = []
    with pytest.raises(demo.StepFailed) as failed:
        demo._tell_end(airflow, follower, ended, said.append)
    assert failed.value.exit_code == 1
    assert str(failed.value) == (
        "the step train_semseg [animals] of oi_retrain failed "
        f"({airflow.url}/dags/oi_retrain/runs/second/tasks/train_semseg/mapped/0)"
    )
    assert said[-2:] == ["the end of the log of train_semseg [animals]:", "  | CUDA out of memory"]


def test_on_a_terminal_the_running_steps_stand_below_the_finished_ones(recorded: tuple[Recorded, Airflow]) -> None:
    _, ended, shown = followed(recorded, Story(), terminal=True)
    assert ended.end is End.PROMOTED
    assert "✓ oi_ingest   fetch" in shown
    assert "\x1b[" in shown
    assert "running\n" not in shown


class Runs:
    """The runs in progress, and what is asked of them."""

    def __init__(self, ingest: list[dict[str, Any]], retrain: list[dict[str, Any]], failed: bool = False) -> None:
        self.ingest, self.retrain, self.failed = ingest, retrain, failed
        self.triggered: list[str] = []

    def __call__(self, method: str, path: str, query: dict[str, str]) -> Reply:
        if method == "POST":
            self.triggered.append(path)
            return 200, said_run("oi_ingest", "new", "queued")
        if path.endswith("/details"):
            return 200, {"params": {"profile": {"value": "demo", "schema": {}}}}
        if path.endswith("/taskInstances"):
            steps = [said_step("tables", "failed" if self.failed else "running")]
            return 200, {"task_instances": steps, "total_entries": 1}
        if path.endswith("/upstreamAssetEvents"):
            return 200, {"asset_events": [{"source_dag_id": "oi_ingest", "source_run_id": RUN}]}
        if path.endswith(RUN):
            return 200, said_run("oi_ingest", RUN, "success")
        return 200, {"dag_runs": self.ingest if "oi_ingest" in path else self.retrain}


def chosen(recorded: tuple[Recorded, Airflow], runs: Runs, profile: str = "demo") -> tuple[str | None, str | None]:
    state, airflow = recorded
    state.answer = runs
    ingest, retrain = demo._runs(airflow, profile, lambda text: None)
    return ingest and ingest.id, retrain and retrain.id


def test_a_run_in_progress_for_the_profile_is_followed(recorded: tuple[Recorded, Airflow]) -> None:
    runs = Runs([said_run("oi_ingest", RUN, "running")], [])
    assert chosen(recorded, runs) == (RUN, None)
    scheduled = Runs([said_run("oi_ingest", RUN, "running") | {"conf": {}}], [])  # goes by the DAG's own default
    assert chosen(recorded, scheduled) == (RUN, None)
    assert not runs.triggered + scheduled.triggered


def test_a_retrain_in_progress_of_such_a_run_is_followed(recorded: tuple[Recorded, Airflow]) -> None:
    assert chosen(recorded, Runs([], [said_run("oi_retrain", "second", "running")])) == (RUN, "second")


def test_a_run_of_another_profile_or_one_that_has_failed_is_not(recorded: tuple[Recorded, Airflow]) -> None:
    for runs, profile in (
        (Runs([said_run("oi_ingest", RUN, "running")], []), "mine"),
        (Runs([], [said_run("oi_retrain", "second", "running")]), "mine"),
        (Runs([said_run("oi_ingest", RUN, "running")], [], failed=True), "demo"),
        (Runs([], []), "demo"),
    ):
        assert chosen(recorded, runs, profile) == ("new", None)
        assert runs.triggered == ["/dags/oi_ingest/dagRuns"]


def test_a_profile_that_airflow_refuses_is_one_line(recorded: tuple[Recorded, Airflow]) -> None:
    state, airflow = recorded
    runs = Runs([], [])
    state.answer = lambda method, path, query: (
        (400, {"detail": "no"}) if method == "POST" else runs(method, path, query)
    )
    with pytest.raises(BadInput, match="oi_ingest does not start with the profile 'demo': Airflow answers 400"):
        demo._runs(airflow, "demo", lambda text: None)


def test_a_dag_that_cannot_be_read_is_named_with_its_error(
    recorded: tuple[Recorded, Airflow], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, airflow = recorded
    errors = {"import_errors": [{"filename": "retrain.py", "stack_trace": "Traceback\n  …\nImportError: no jobs\n"}]}
    state.answer = lambda method, path, query: (200, errors) if path == "/importErrors" else (404, {})
    monkeypatch.setattr(demo, "DAGS_READ", 0.05)
    with pytest.raises(BadInput, match="Airflow has no DAG oi_ingest and oi_retrain: retrain.py: ImportError: no jobs"):
        demo._wait_for_dags(airflow)
