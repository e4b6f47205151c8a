"""What a person reads who is asked to approve, with a real store and a real registry."""

from pathlib import Path

import pytest

from oi_tasks.core.verdict_document import VerdictDocument
from oi_tasks.io.outputs import Outputs
from oi_tasks.io.store import Store
from oi_tasks.io.tracking import Tracking
from oi_tasks.local import services
from oi_tasks.local.addresses import Addresses
from oi_tasks.reports import approval
from oi_tasks.settings import Settings

pytestmark = pytest.mark.slow
TAB = "http://air/open-images/?dag_id=oi_retrain&run_id=r1"


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory):
    state = tmp_path_factory.mktemp("approval")
    running = services.start(state, ("minio", "mlflow"), Addresses.free())
    try:
        yield Settings(_env_file=running.state / "env", cache=state / "cache")
    finally:
        services.stop(state)


def test_it_leads_to_the_pages_on_the_candidate(settings: Settings, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(approval, "settings", lambda: settings)
    document = VerdictDocument(
        decision="promote", reasons=(), note="compared with the champion", candidate=1, champion=None,
        evaluation="e" * 20, profile="toy", judged=(), thresholds={},
    )  # fmt: skip
    (tmp_path / "verdict.json").write_text(document.model_dump_json())
    verdict = Outputs(Store(settings), settings.cache).publish("gate", "1", "k", {}, tmp_path, {}, {}).id
    page = f"[version 1]({settings.mlflow_url}/#/models/oi-cascade/versions/1)"
    last = f"[reports of this run]({TAB})"
    assert approval.approval_text(verdict, TAB).splitlines()[-1] == f"{page} · {last}"
    client = Tracking(settings).client
    run = client.create_run("0").info
    client.create_registered_model("oi-cascade")
    tags = {
        "errors_page": "http://store/oi-reports/errors/a.html",
        "report_page": "http://store/oi-reports/runs/b.html",
    }
    client.create_model_version("oi-cascade", f"{run.artifact_uri}/model", run.run_id, tags=tags)
    tab = "http://air/open-images/report"  # the store's own address may be known within a cluster alone
    named = f"[error analysis]({tab}/errors/a.html) · [earlier report]({tab}/runs/b.html)"
    assert approval.approval_text(verdict, TAB).splitlines()[-1] == f"{page} · {named} · {last}"
