"""`oi status`: what can still be told with servers down, and the note of the last runs."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from oi_tasks.commands.status import _print_pipeline
from oi_tasks.overview import Overview, Quality
from oi_tasks.reports.overview import overview_page
from tests.conftest import Chain, Servers

OI = Path(sys.executable).with_name("oi")
NOBODY = "http://127.0.0.1:9"


def status(state: Path, *words: str, **more: str) -> str:
    """What `oi status` writes with that state folder, and no setting but those named."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OI_")}
    asked = kept | {"OI_STATE": str(state), "OI_ENV_FILE": "none"} | more
    done = subprocess.run([OI, "status", *words], env=asked, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


def test_with_nothing_running_it_says_so_and_how_to_start_it(tmp_path: Path) -> None:
    said = status(tmp_path, OI_MLFLOW_URL=NOBODY, OI_STORE_ENDPOINT=NOBODY, OI_STORE_ACCESS_KEY="a" * 20,
                  OI_STORE_SECRET_KEY="b" * 40)  # fmt: skip
    assert said.count("not running") == 3
    assert "champion    unknown: MLflow does not answer" in said
    assert "snapshot    unknown: the store does not answer" in said
    assert "`oi up` starts the local one" in said
    assert "oi status" not in said


@pytest.mark.slow
def test_with_mlflow_down_the_store_is_still_told_of(chain: Chain, servers: Servers, tmp_path: Path) -> None:
    lines = (servers.state / "env").read_text().replace(chain.settings.mlflow_url, NOBODY)
    (tmp_path / "env").write_text(lines)
    said = status(tmp_path)
    assert "champion    unknown: MLflow does not answer" in said
    assert "fit to train on" in said
    assert "became champion" in said
    assert NOBODY in said
    pipeline = json.loads(status(tmp_path, "--json"))["pipeline"]
    assert (pipeline["registry_answers"], pipeline["store_answers"]) == (False, True)
    assert pipeline["ledger"]


def test_data_that_the_gate_refuses_without_a_critical_finding_is_not_called_fit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As where too much was set apart."""
    at = datetime(2026, 11, 27, tzinfo=UTC)
    refused = Quality("3f0a91c2", "fail", at, photos=9, boxes=9, critical=0, warnings=0, page="oi-reports/q.html")
    found = Overview(None, refused, (), (), ())
    _print_pipeline(Console(soft_wrap=True), found, {})
    assert "3f0a91c2: not fit to train on" in capsys.readouterr().out
    assert "not fit to train on" in overview_page(found, str)


def test_the_last_runs_are_shown_with_their_notes(capsys: pytest.CaptureFixture[str]) -> None:
    run = {"state": "success", "start_date": "2026-11-27T02:00:00Z", "note": "promoted version 3\nof oi-cascade"}
    runs = {"oi_retrain": run, "oi_ingest": run | {"note": None}}
    _print_pipeline(Console(soft_wrap=True), Overview(None, None, (), (), ()), {"runs": runs})
    retrain, note, ingest = capsys.readouterr().out.strip().splitlines()[1:]
    assert retrain == "oi_retrain  success, started 2026-11-27 02:00 UTC"
    assert note.strip() == "promoted version 3 of oi-cascade"
    assert ingest.startswith("oi_ingest ")
