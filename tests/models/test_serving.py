"""`mlflow models serve` on the registered cascade answers a photo with the cascade's own boxes."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from oi_tasks.io.shards import ShardReader
from oi_tasks.io.tracking import Tracking
from oi_tasks.jobs.plan import CASCADE
from oi_tasks.models.cascade import Cascade
from tests.conftest import Chain

pytestmark = pytest.mark.slow


@pytest.fixture
def address(chain: Chain, tmp_path: Path) -> Iterator[str]:
    """The champion, served by MLflow in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(Path(sys.executable).with_name("mlflow")), "models", "serve", "--env-manager", "local"]
    words += ["--model-uri", f"models:/{CASCADE}@champion", "--host", "127.0.0.1", "--port", str(port)]
    environment = os.environ | {"MLFLOW_TRACKING_URI": chain.settings.mlflow_url, "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            words, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        while not _answers(f"http://127.0.0.1:{port}/ping"):
            assert server.poll() is None, (tmp_path / "log").read_text()[-2000:]
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _answers(ping: str) -> bool:
    try:
        return urllib3.request("GET", ping, timeout=2, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def test_a_served_cascade_answers_a_photo(chain: Chain, address: str, tmp_path: Path) -> None:
    reader = ShardReader(chain.output("shards"), "test")
    version = Tracking(chain.settings).alias(CASCADE, "champion")
    assert version is not None
    cascade = Cascade.load(Tracking(chain.settings).download(CASCADE, version, tmp_path / "champion"))
    photos = [reader.jpeg(row) for row in range(6)]
    body = {"dataframe_split": {"columns": ["photo"], "data": [[base64.b64encode(photo).decode()] for photo in photos]}}
    reply = urllib3.request("POST", f"{address}/invocations", json=body, timeout=120, retries=False)
    assert reply.status == 200, reply.data[:500]
    answers = reply.json()["predictions"]
    for answer, found in zip(answers, cascade.predict(photos), strict=True):
        said = [(box["LabelName"], box["Score"]) for box in json.loads(answer["boxes"])]
        assert said == [(box.label, pytest.approx(box.score, abs=1e-4)) for box in found.boxes]
        assert json.loads(answer["clusters"]) == list(found.ran)
    assert any(json.loads(answer["boxes"]) for answer in answers)
