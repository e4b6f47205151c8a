"""A browser on this machine, signed in to Airflow as a person does it, and what every page is checked for."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.e2e.common import check
from tests.e2e.pages import axe

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ADMIN, VIEWER = ("OI_AIRFLOW_USER", "OI_AIRFLOW_PASSWORD"), ("OI_AIRFLOW_VIEWER", "OI_AIRFLOW_VIEWER_PASSWORD")
SETTLE = 4000  # milliseconds
# MLflow opens its assistant and news of its registry over the page, until the browser remembers that it has done so.
SEEN = ("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "_mlflow_model_registry_promo_modal_dismissed_v1")
COVERS = "[data-component-id^='mlflow.assistant.chat_panel'], [data-component-id*='modelsnextuipromomodal']"


def program() -> str | None:
    """The browser to use; None without one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """The browser, without a window."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program(), args=["--no-sandbox"])
        try:
            yield running
        finally:
            running.close()


def new_context(browser: Browser, width: int, scheme: str = "light") -> BrowserContext:
    """A window of that width, of somebody who has been here before."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    # A report is shown in a sandbox, which has an origin of its own, "null", and no storage.
    keep = "".join(f"localStorage.setItem('{key}', 'true');" for key in SEEN)
    context.add_init_script(f"if (self.origin !== 'null') {{ {keep} }}")
    return context


@contextmanager
def signed_in(
    browser: Browser, lines: Mapping[str, str], width: int = 1280, who: tuple[str, str] = ADMIN, scheme: str = "light"
) -> Iterator[Page]:
    """A page of that width, signed in to Airflow through its form."""
    airflow = lines["OI_AIRFLOW_URL"]
    context = new_context(browser, width, scheme)
    tab = context.new_page()
    tab.goto(f"{airflow}/auth/login", wait_until="networkidle")
    tab.get_by_label("Username").or_(tab.locator("input[name=username]")).first.fill(lines[who[0]])
    tab.locator("input[type=password]").fill(lines[who[1]])
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url(lambda url: "/auth/login" not in url)
    yield tab
    context.close()


def see(tab: Page, name: str, address: str, width: int, pictures: Path) -> None:
    """Open a page, keep its picture, and check it. The pages of Airflow and MLflow themselves are only looked at."""
    ours = "/open-images/" in address
    with overheard(tab, address.partition("/open-images/")[0]) as (elsewhere, errors):
        answer = tab.goto(address, wait_until="networkidle" if ours else "load")
        if not ours:
            tab.wait_for_timeout(SETTLE)  # pages of Airflow and MLflow ask again and again, and are never idle
    none(covers(tab), f"nothing covers {name}")
    tab.screenshot(path=pictures / f"{name}-{width}.png", full_page=ours)
    check(answer is not None and answer.ok, f"{name} at {width} pixels opens")
    if not ours:
        return
    none(elsewhere, f"{name} asks nothing of another place")
    none(errors, f"{name} logs no error")
    too_wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    check(too_wide <= 0, f"{name} fits {width} pixels" if too_wide <= 0 else f"{name} is {too_wide} px too wide")
    if axe.at_hand():
        none(axe.grave_faults(tab), f"{name} at {width} pixels keeps nobody from reading it")


def covers(tab: Page) -> list[str]:
    """What MLflow has opened over its page by itself, by its own names."""
    return [str(part.get_attribute("data-component-id")) for part in tab.locator(COVERS).all() if part.is_visible()]


@contextmanager
def overheard(tab: Page, origin: str) -> Iterator[tuple[list[str], list[str]]]:
    """What the page asks of other places than its origin, and the errors that it logs."""
    elsewhere: list[str] = []
    errors: list[str] = []

    def asked(request: Any) -> None:
        if not request.url.startswith((origin, "data:", "blob:")):
            elsewhere.append(request.url)

    def told(message: Any) -> None:
        if message.type == "error":
            errors.append(message.text)

    def failed(error: Any) -> None:
        errors.append(str(error))

    watched = {"request": asked, "console": told, "pageerror": failed}
    for event, listener in watched.items():
        tab.on(event, listener)
    try:
        yield elsewhere, errors
    finally:
        for event, listener in watched.items():
            tab.remove_listener(event, listener)


def none(found: list[Any], what: str) -> None:
    """Check that nothing was found; else say the first."""
    check(not found, what if not found else f"{what}, but: {'; '.join(map(str, found[:3]))}")
