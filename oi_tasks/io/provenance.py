"""What a result was made with: the code, the packages beside it, and the image that held both."""

import os
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

from oi_tasks import __version__
from oi_tasks.core.fingerprint import content_key, sha256_of_file


@cache
def code_version() -> str:
    """The package's version and a hash of its code, which names what ran even in a changed checkout."""
    package = Path(__file__).parents[1]
    files = sorted(package.rglob("*.py"))
    return f"{__version__}+{content_key({str(f.relative_to(package)): sha256_of_file(f) for f in files})[:12]}"


@cache
def packages_version() -> str:
    """A hash of the names and versions of all installed packages: equal where the same lock was installed."""
    return content_key({one.name.lower(): one.version for one in distributions() if one.name != "oi-tasks"})[:12]


def made_with() -> dict[str, str]:
    """The tags of a run: code, packages, and in a pod the image as the pod names it, by its digest if it does."""
    image = os.environ.get("OI_IMAGE")
    return {"code": code_version(), "packages": packages_version()} | ({"image": image} if image else {})
