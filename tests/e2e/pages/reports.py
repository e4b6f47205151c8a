"""What a person does on a report: sorts a table, looks for a class, opens a photo large, follows a link."""

from playwright.sync_api import Locator, Page

from tests.e2e.common import check, say
from tests.e2e.pages.browser import none


def use(tab: Page, name: str) -> None:
    """Use all that the open page offers; what it lacks is left alone."""
    for place, table in enumerate(tab.locator("table.sort").all()):
        if table.locator("tbody tr").count() > 1 and table.is_visible():
            sort(table, f"{name}, table {place + 1}")
    for table in tab.locator("table[data-find]").all():
        find(table, name)
    photos = tab.locator("button.photo:visible")
    boxed = tab.locator("button.photo:visible:has(rect)")
    if photos.count():
        look_closer(tab, (boxed if boxed.count() else photos).first, name)


def sort(table: Locator, name: str) -> None:
    """Sort by the first and by the last column, up and down; each time every row is still there."""
    before = sorted(table.locator("tbody tr").all_inner_texts())
    heads, wrong = table.locator("th:has(button)"), []
    for head in (heads.first, heads.last):
        column, numbers = head.evaluate("(head) => [head.cellIndex, head.classList.contains('number')]")
        orders = set()
        for _ in range(2):
            head.locator("button").click()
            said = head.get_attribute("aria-sort")
            shown = table.evaluate(
                "(table, at) => [...table.tBodies[0].rows].map((r) => r.cells[at].innerText)", column
            )
            orders.add(said)
            if not in_order(shown, numbers, said == "descending"):
                wrong.append(f"{head.inner_text()} is not {said}: {', '.join(shown[:5])}")
        if orders != {"ascending", "descending"}:
            wrong.append(f"a second click on {head.inner_text()} does not turn the order round")
    if sorted(table.locator("tbody tr").all_inner_texts()) != before:
        wrong.append("rows are lost")
    none(wrong, f"{name} sorts up and down by {heads.first.inner_text()} and {heads.last.inner_text().strip(' ▲▼')}")


def in_order(shown: list[str], numbers: bool, down: bool) -> bool:
    """Whether a column's texts stand in order. Numbers may carry an interval or a unit; a dash stands last."""
    found = [number(text) if numbers else word(text) for text in shown]
    known = [value for value in found if value is not None]
    return found == sorted(known, reverse=down) + [None] * (len(found) - len(known))


def number(text: str) -> float | None:
    """The number that a cell begins with."""
    try:
        return float(text.replace(",", "").split()[0])
    except (ValueError, IndexError):
        return None


def word(text: str) -> str | None:
    """A cell's text as it sorts; None for a dash."""
    return None if text.strip() == "–" else text.strip().casefold()


def find(table: Locator, name: str) -> None:
    """Look for what stands in the last row: it is found, others are hidden, and all come back."""
    rows = table.locator("tbody tr")
    asked = rows.last.locator("th, td").first.inner_text().splitlines()[0]
    field = table.locator("xpath=preceding::input[@type='search'][1]")
    field.fill(asked)
    shown = table.locator("tbody tr:visible")
    texts = shown.all_inner_texts()
    check(bool(texts) and all(asked.casefold() in text.casefold() for text in texts), f"{name}: {asked!r} is found")
    field.fill("nothing has this name")
    check(shown.count() == 0, f"{name}: no row is shown where none holds the words")
    field.fill("")
    check(shown.count() == rows.count(), f"{name}: all {rows.count()} rows come back")


def look_closer(tab: Page, photo: Locator, name: str) -> None:
    """Open a photo large, switch its boxes off and on if it has any, and close it by the keyboard."""
    photo.scroll_into_view_if_needed()
    small = photo.locator("svg").bounding_box()
    photo.click()
    large = tab.get_by_role("dialog")
    shown = large.locator("svg").bounding_box()
    assert small is not None and shown is not None
    check(shown["width"] > 1.5 * small["width"], f"{name}: a photo opens {shown['width']:.0f} pixels wide")
    if large.locator("rect").count():
        switch_boxes(tab, large, name)
    tab.keyboard.press("Escape")
    check(large.count() == 0, f"{name}: Escape closes it")


def switch_boxes(tab: Page, large: Locator, name: str) -> None:
    """Switch the boxes of the large photo off and on."""
    box, boxes = large.get_by_label("boxes"), large.locator("rect")
    check(boxes.first.is_visible(), f"{name}: its boxes are drawn")
    box.uncheck()
    check(not boxes.first.is_visible(), f"{name}: its boxes can be switched off")
    check(not tab.locator("label.switch input").first.is_checked(), f"{name}: on the page as well")
    box.check()
    check(boxes.first.is_visible(), f"{name}: and on")


def follow(tab: Page, run_page: str) -> None:
    """From the page of a retrain to each page that it names, and back."""
    tab.goto(run_page, wait_until="load")
    names = tab.locator("header a[href^='../']").all_inner_texts()
    check(
        {"data quality", "classes", "hierarchy", "errors"} <= set(names), f"the run's page leads to {', '.join(names)}"
    )
    for name in names:
        tab.get_by_role("link", name=name, exact=True).click()
        heading = tab.locator("h1")
        tab.wait_for_url(lambda url: url != run_page)
        check(heading.inner_text() != "", f"the link {name!r} leads to {heading.inner_text()!r}")
        tab.go_back(wait_until="load")
    say("each link of the run's page leads somewhere")
