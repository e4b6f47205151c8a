"""Who has not signed in gets nothing of the tab; what a report in its frame links to is asked for once more."""

import importlib.util
from pathlib import Path

import pytest

TAB = Path(__file__).parents[2] / "dags" / "plugins" / "open_images.py"
FROM_A_REPORT = {"sec-fetch-dest": "iframe", "sec-fetch-site": "cross-site"}  # as a browser marks it


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        from fastapi.testclient import TestClient

        spec = importlib.util.spec_from_file_location("open_images", TAB)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield TestClient(module.app)


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
