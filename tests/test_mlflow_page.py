"""MLflow's own pages, as the pictures show them: nothing that MLflow opens by itself covers them."""

import pytest

from oi_tasks.overview import look
from tests.conftest import Chain
from tests.e2e.pages import browser
from tests.left_out import left_out

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_covers_the_registry_and_the_page_of_a_version(chain: Chain, width: int) -> None:
    if browser.program() is None:
        pytest.skip(left_out("no browser is installed, so MLflow's pages were not opened"))
    champion = look(chain.settings).champion
    assert champion is not None
    with browser.browser() as running:
        tab = browser.new_context(running, width).new_page()
        for address, shows in (
            (f"{chain.settings.mlflow_url}/#/models", "Registered Models"),
            (champion.page, f"Version {champion.version}"),
        ):
            tab.goto(address, wait_until="load")
            tab.get_by_text(shows).first.wait_for()
            tab.wait_for_timeout(browser.SETTLE)
            assert browser.covers(tab) == []
