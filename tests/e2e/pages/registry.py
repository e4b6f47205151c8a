"""MLflow's page of a registered version, read and used as a person does it."""

from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import Page

from tests.e2e.common import check

CARD = ("Data", "Classes", "Clusters", "Figures", "Limits", "To use it")


def read_card(tab: Page, lines: Mapping[str, str], version: int, pictures: Path) -> None:
    """Open the version's page: its description is a model card."""
    tab.goto(_page(lines, version))
    for part in CARD:
        tab.locator("strong", has_text=part).first.wait_for()
    tab.screenshot(path=pictures / f"registry-version-{version}.png")
    check(True, f"the registry's page of version {version} says {', '.join(CARD)}")


def move_alias(tab: Page, lines: Mapping[str, str], version: int, alias: str, pictures: Path) -> None:
    """Give the version an alias that another has, by the pencil beside its aliases."""
    tab.goto(_page(lines, version))
    tab.locator("[data-component-id*='modelversionviewaliaseditor']").last.click()
    dialog = tab.get_by_role("dialog")
    dialog.get_by_role("combobox").fill(alias)
    tab.keyboard.press("Enter")
    tab.screenshot(path=pictures / "registry-alias.png")
    dialog.get_by_role("button", name="Save aliases").click()
    dialog.wait_for(state="hidden")
    tab.get_by_title(alias, exact=True).first.wait_for()


def _page(lines: Mapping[str, str], version: int) -> str:
    return f"{lines['OI_MLFLOW_URL']}/#/models/oi-cascade/versions/{version}"
