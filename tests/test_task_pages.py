"""What the links of a task lead to, on real servers after a real chain: at its start, in between, and at its end."""

import pytest

from oi_tasks.errors import Unreachable
from oi_tasks.io.store import WORK, Store
from oi_tasks.io.tracking import Tracking
from oi_tasks.results import result_key
from oi_tasks.settings import Settings
from oi_tasks.task_pages import mlflow_page_of, page_of
from tests.conftest import Chain

pytestmark = pytest.mark.slow
RUN = "scheduled__2026-11-26T02:00:00+00:00"


def test_a_page_is_found_once_the_step_has_written_it(chain: Chain) -> None:
    key = result_key("oi_ingest", RUN, "collapse")
    assert page_of(chain.settings, key, "hierarchy") is None
    Store(chain.settings).put_json(WORK, key, chain.said["collapse"])
    assert page_of(chain.settings, key, "hierarchy") == chain.said["collapse"]["result"]["hierarchy"]
    assert page_of(chain.settings, key, "report") == chain.said["collapse"]["result"]["report"]
    assert page_of(chain.settings, key, "classes") is None  # a field that is no page


def test_the_run_in_mlflow_is_found_as_soon_as_it_has_begun(settings: Settings) -> None:
    key = result_key("oi_retrain", RUN, "train_semseg", 1)
    assert key.endswith("/train_semseg-1.json")
    assert mlflow_page_of(settings, key) is None
    with Tracking(settings, key).run("train_semseg", "a training", "0" * 20, {}, {}) as run:
        assert mlflow_page_of(settings, key) == run.url
        assert mlflow_page_of(settings, result_key("oi_retrain", RUN, "train_semseg", 2)) is None
    assert mlflow_page_of(settings, key) == run.url


def test_a_step_that_was_reused_leads_to_the_run_that_made_it(chain: Chain) -> None:
    key = result_key("oi_retrain", RUN, "train_classifier")
    Store(chain.settings).put_json(WORK, key, chain.said["train_classifier"] | {"reused": True})
    made = Tracking(chain.settings).reopen(chain.said["train_classifier"]["result"]["mlflow_run"])
    assert mlflow_page_of(chain.settings, key) == made.url


def test_a_server_that_is_down_is_told(settings: Settings) -> None:
    nobody = settings.model_copy(update={"mlflow_url": "http://127.0.0.1:9"})
    with pytest.raises(Unreachable, match="MLflow does not answer"):
        mlflow_page_of(nobody, result_key("oi_retrain", RUN, "evaluate"))
