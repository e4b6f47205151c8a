"""What is told when a step fails or a gate refuses: to a real web address, to a real mail server, or to the log."""

import json
import logging
import socketserver
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
import structlog

from oi_tasks.local import services
from oi_tasks.local.addresses import Addresses
from oi_tasks.settings import Settings

DAGS = Path(__file__).parents[2] / "dags"


@pytest.fixture
def notify(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(DAGS))
    import notify
    from airflow.sdk.execution_time.cache import SecretCache

    SecretCache.reset()
    return notify


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings with a store of their own, and no more."""
    state = tmp_path_factory.mktemp("store")
    running = services.start(state, ("minio",), Addresses.free())
    try:
        yield Settings(_env_file=running.state / "env", cache=state / "cache")
    finally:
        services.stop(state)


def served(server: socketserver.TCPServer) -> Iterator[int]:
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def posted() -> list[tuple[str, dict]]:
    return []


@pytest.fixture
def webhook(posted: list[tuple[str, dict]]) -> Iterator[int]:
    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.path, json.loads(body)))
            busy = self.path == "/busy" and len(posted) < 3
            self.send_response({"/broken": 500, "/gone": 404}.get(self.path, 503 if busy else 200))
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    yield from served(HTTPServer(("127.0.0.1", 0), Hook))


@pytest.fixture
def mailbox() -> list[str]:
    return []


@pytest.fixture
def mail_server(mailbox: list[str]) -> Iterator[int]:
    class Mail(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline().decode().strip():
                word = line.split()[0].upper()
                if word == "DATA":
                    self.wfile.write(b"354 go on\r\n")
                    text = ""
                    while (more := self.rfile.readline().decode()) != ".\r\n":
                        text += more
                    mailbox.append(text)
                self.wfile.write(b"221 bye\r\n" if word == "QUIT" else b"250 fine\r\n")
                if word == "QUIT":
                    return

    yield from served(socketserver.TCPServer(("127.0.0.1", 0), Mail))


def connect(monkeypatch: pytest.MonkeyPatch, **fields: object) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OI_NOTIFY", json.dumps(fields))


def test_a_webhook_gets_the_text(notify, monkeypatch, webhook: int, posted) -> None:
    extra = {"path": "/services/T0/B0"}
    connect(monkeypatch, conn_type="http", host="127.0.0.1", port=webhook, schema="http", extra=extra)
    ti = SimpleNamespace(dag_id="oi_retrain", task_id="shards", run_id="r1")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://air.example/")
    notify.failed({"ti": ti, "exception": ValueError("no such\nshard")})
    text = "oi_retrain: the step shards failed: no such shard (run r1)"
    text += "\nreports: https://air.example/open-images/?dag_id=oi_retrain&run_id=r1"
    text += "\nrun: https://air.example/dags/oi_retrain/runs/r1"
    assert posted == [("/services/T0/B0", {"text": text})]


def test_a_mail_is_sent(notify, monkeypatch, mail_server: int, mailbox) -> None:
    connect(monkeypatch, conn_type="smtp", host="127.0.0.1", port=mail_server, extra={"to": "ann@example.org"})
    notify.tell("oi_retrain: version 3 is refused\nbelow_floor: macro_f1 is 0.1")
    assert len(mailbox) == 1
    assert "Subject: oi_retrain: version 3 is refused" in mailbox[0]
    assert "To: ann@example.org" in mailbox[0]
    assert "below_floor: macro_f1 is 0.1" in mailbox[0]


@pytest.mark.slow
def test_how_a_run_ended_is_told_with_its_report_and_once(notify, monkeypatch, caplog, store: Settings) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_OI_NOTIFY", raising=False)
    monkeypatch.setattr(notify, "settings", lambda: store)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://air.example")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            notify.ended("oi_retrain", "told+1", "refused: too low", "oi-reports/runs/ab.html")
        notify.ended("oi_retrain", "told+2", "refused: too low")
    assert [record.getMessage().splitlines() for record in caplog.records] == [
        [
            "oi_retrain: refused: too low (run told+1)",
            "report: https://air.example/open-images/report/runs/ab.html",
            "run: https://air.example/dags/oi_retrain/runs/told%2B1",
        ],
        [
            "oi_retrain: refused: too low (run told+2)",
            "reports: https://air.example/open-images/?dag_id=oi_retrain&run_id=told%2B2",
            "run: https://air.example/dags/oi_retrain/runs/told%2B2",
        ],
    ]


def test_without_airflows_address_the_report_has_the_stores(notify, monkeypatch) -> None:
    own = Settings(_env_file=None, store_endpoint="http://store.example", airflow_url="")
    monkeypatch.setattr(notify, "settings", lambda: own)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "")
    report = "report: http://store.example/oi-reports/runs/ab.html"
    assert notify.addresses("oi_retrain", "r1", "oi-reports/runs/ab.html") == [report]
    assert notify.addresses("oi_retrain", "r1") == []


def test_without_a_connection_the_log_has_it(notify, monkeypatch, caplog) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_OI_NOTIFY", raising=False)
    with caplog.at_level(logging.WARNING):
        notify.tell("version 3 is refused")
    assert [record.getMessage() for record in caplog.records] == ["version 3 is refused"]


def test_a_webhook_that_is_busy_is_asked_again_and_one_that_refuses_is_not(
    notify, monkeypatch, caplog, webhook: int, posted
) -> None:
    monkeypatch.setattr(notify, "PAUSE", 0.01)
    with caplog.at_level(logging.WARNING):
        for path, times in (("/busy", 3), ("/gone", 1), ("/broken", notify.TRIES)):
            connect(monkeypatch, conn_type="http", host="127.0.0.1", port=webhook, schema="http", extra={"path": path})
            posted.clear()
            notify.tell("version 3 is refused")
            assert posted == [(path, {"text": "version 3 is refused"})] * times
    told = [record.getMessage() for record in caplog.records if "cannot be told" in record.getMessage()]
    assert told == [f"oi_notify cannot be told: {why}" for why in ("OSError: status 404", "NotNow: status 500")]


def test_a_mail_server_that_starts_late_gets_the_mail(notify, monkeypatch, mail_server: int, mailbox) -> None:
    monkeypatch.setattr(notify, "PAUSE", 0.01)
    real, tries = notify.smtplib.SMTP, []

    def silent_at_first(*address: object, **options: object) -> object:
        tries.append(address)
        return real("127.0.0.1", 9 if len(tries) < 3 else mail_server, **options)

    monkeypatch.setattr(notify.smtplib, "SMTP", silent_at_first)
    connect(monkeypatch, conn_type="smtp", host="127.0.0.1", port=mail_server, extra={"to": "ann@example.org"})
    notify.tell("version 3 is refused")
    assert (len(tries), len(mailbox)) == (3, 1)


def test_what_cannot_be_told_fails_nothing(notify, monkeypatch, caplog, webhook: int) -> None:
    monkeypatch.setattr(notify, "PAUSE", 0.01)
    for port, path in ((webhook, "/broken"), (9, "/")):
        connect(monkeypatch, conn_type="http", host="127.0.0.1", port=port, schema="http", extra={"path": path})
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            notify.tell("version 3 is refused")
        assert "oi_notify cannot be told" in caplog.text


def test_a_run_that_takes_too_long_is_told_as_airflow_calls_it(notify, monkeypatch, webhook: int, posted) -> None:
    """By Airflow's own runner of such callbacks, which knows the function by its path alone."""
    from airflow.sdk.execution_time.callback_supervisor import execute_callback

    connect(monkeypatch, conn_type="http", host="127.0.0.1", port=webhook, schema="http", extra={"path": "/late"})
    callback = notify.must_end_within(6.5).callback
    run = {"dag_id": "oi_retrain", "dag_run_id": "r1"}
    given = {**callback.kwargs, "context": {"dag_run": run, "deadline": {}}}
    done = execute_callback(callback.path, given, Path("retrain.py"), DAGS, structlog.get_logger("toy"))
    assert posted == [("/late", {"text": "oi_retrain: the run r1 has not ended within 6.5 hours; it goes on"})], done
