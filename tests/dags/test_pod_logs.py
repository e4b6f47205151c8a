"""Which lines of a pod's log are new."""

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

PLUGINS = Path(__file__).parents[2] / "dags" / "plugins"
STAMP = "2026-11-26T18:00:{:02}.{:09}Z"


@pytest.fixture
def pod_logs(own_environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The plugin."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(PLUGINS))
    import pod_logs

    yield pod_logs
    sys.modules.pop("pod_logs")


def test_the_image_of_airflow_has_the_plugins_where_airflow_looks() -> None:
    text = (PLUGINS.parents[1] / "docker" / "orchestrator.Dockerfile").read_text()
    (folder,) = re.findall(r"AIRFLOW__CORE__PLUGINS_FOLDER=(\S+)", text)
    assert (PLUGINS.parents[1] / folder.removeprefix("/opt/oi/app/")).samefile(PLUGINS)


def test_readings_that_overlap_give_every_line_once(pod_logs: Any) -> None:
    log = [f"{STAMP.format(n // 4, n % 4 * 250_000_000 + n)} line {n}" for n in range(40)]
    log[7] = log[7].split(" ")[0]  # an empty line
    got: list[str] = []
    last = None
    for end in (0, 3, 4, 4, 9, 30, 40):
        back = max(0, end - 13)  # each reading begins long before the line that the one before ended with
        new = pod_logs.lines_after([f"{line}\n" for line in log[back:end]], last)
        got += [line.rstrip("\n") for line in new]
        last = pod_logs.last_stamp(new, last)
    assert got[:9] == log[:9]
    assert got == [*log[:9], *log[17:]]  # the fifth reading began too late for the lines between, as none may


def test_an_error_in_the_place_of_a_log_is_no_time_to_read_on_from(pod_logs: Any) -> None:
    error = "unable to retrieve container logs for containerd://1f"
    good = f"{STAMP.format(1, 5)} a line"
    assert pod_logs.lines_after([error], None) == [error]
    assert pod_logs.last_stamp([error], None) is None
    assert pod_logs.last_stamp([good, error], None) == pod_logs.stamp(good) == STAMP.format(1, 5)
    assert pod_logs.lines_after([error, good], STAMP.format(1, 4)) == [good]


def test_a_reading_goes_back_behind_the_last_line(pod_logs: Any) -> None:
    assert pod_logs.seconds_back(None) is None
    ago = datetime.now(UTC) - timedelta(seconds=90)
    back = pod_logs.seconds_back(f"{ago:%Y-%m-%dT%H:%M:%S.%f}789Z")
    assert 90 < back - pod_logs.MARGIN <= 92
    ahead = datetime.now(UTC) + timedelta(seconds=90)  # the node's clock is wrong by more than the margin
    assert pod_logs.seconds_back(f"{ahead:%Y-%m-%dT%H:%M:%S}.123456789Z") > 0


def test_the_triggerer_makes_the_same_trigger_again(pod_logs: Any) -> None:
    from airflow.providers.cncf.kubernetes.triggers.pod import KubernetesPodTrigger

    now = datetime.now(UTC)
    plain = KubernetesPodTrigger("a-pod", "oi", now, "base", poll_interval=1.0, logging_interval=15)
    path, words = pod_logs.PodLogTrigger.of(plain).serialize()
    assert path == "pod_logs.PodLogTrigger"
    assert words == plain.serialize()[1]
    assert pod_logs.PodLogTrigger(**words).serialize() == (path, words)
