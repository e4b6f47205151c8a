"""axe-core, which looks for what keeps people from reading a page: fetched once from npm, checked, and run on pages.

npm asks the registry that this machine's npm is configured for. The package is kept beside the other downloads, below
the cache of oi, never in the checkout.
"""

import hashlib
import shutil
import subprocess
import tarfile
from base64 import b64encode
from functools import cache
from pathlib import Path

from playwright.sync_api import Page
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from oi_tasks.settings import Settings
from tests.e2e.common import check

PACKAGE, VERSION = "axe-core", "4.14.1"
SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="  # as npm gives it
GRAVE = ("serious", "critical")
RUN = """async (grave) => (await axe.run({ resultTypes: ["violations"] })).violations
  .filter((one) => grave.includes(one.impact))
  .map((one) => `${one.id}: ${one.help}, ${one.nodes.length} times, first at ${one.nodes[0].target.join(" ")}`)"""


def at_hand() -> bool:
    """Whether axe-core can be had on this machine: it was fetched before, or there is an npm to fetch it."""
    return _kept().is_file() or shutil.which("npm") is not None


def grave_faults(tab: Page) -> list[str]:
    """What axe-core finds serious or critical on the page that is open."""
    tab.evaluate(_program())  # by the browser's own protocol, so that the page's policy stays as it is
    return list(tab.evaluate(RUN, list(GRAVE)))


def _kept() -> Path:
    return Settings().cache / "downloads" / f"{PACKAGE}-{VERSION}.tgz"


@cache
def _program() -> str:
    """The script, from the checked package."""
    kept = _kept()
    if not kept.is_file():
        _fetch(kept)
    found = b64encode(hashlib.sha512(kept.read_bytes()).digest()).decode()
    check(found == SHA512, f"{kept} is {PACKAGE} {VERSION}" if found == SHA512 else f"{kept} is another: remove it")
    with tarfile.open(kept) as package:
        script = package.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


def _fetch(kept: Path) -> None:
    """Have npm fetch the package; a registry may fail for a moment."""
    aside = kept.with_suffix(".part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    command = ["npm", "pack", f"{PACKAGE}@{VERSION}", "--silent", "--pack-destination", str(aside)]
    again = Retrying(
        retry=retry_if_exception_type(subprocess.CalledProcessError),
        stop=stop_after_attempt(5), wait=wait_fixed(3), reraise=True,
    )  # fmt: skip
    again(subprocess.run, command, check=True, cwd=aside, timeout=120)
    (aside / kept.name).replace(kept)
    aside.rmdir()
