"""axe-core, which looks for what keeps people from reading a page: fetched once from npm, checked, and run on pages."""

from functools import cache

from playwright.sync_api import Page

from tests.npm import Package

AXE = Package(
    "axe-core",
    "4.14.1",
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)
GRAVE = ("serious", "critical")
RUN = """async (grave) => (await axe.run({ resultTypes: ["violations"] })).violations
  .filter((one) => grave.includes(one.impact))
  .map((one) => `${one.id}: ${one.help}, ${one.nodes.length} times, first at ${one.nodes[0].target.join(" ")}`)"""


def at_hand() -> bool:
    """Whether axe-core can be had on this machine."""
    return AXE.at_hand()


def grave_faults(tab: Page) -> list[str]:
    """What axe-core finds serious or critical on the page that is open."""
    tab.evaluate(_program())  # by the browser's own protocol, so that the page's policy stays as it is
    return list(tab.evaluate(RUN, list(GRAVE)))


@cache
def _program() -> str:
    return AXE.read("axe.min.js").decode()
