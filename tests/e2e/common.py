"""What the end-to-end runs share: saying and checking, and `oi demo` on servers of their own."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
SHARED = CHECKOUT.parent / "shared"


def say(text: str) -> None:
    """Say a line."""
    print(f"e2e: {text}", flush=True)


def check(condition: bool, what: str) -> None:
    """Say what holds; end with status 1 at the first thing that does not."""
    say(f"{'ok' if condition else 'NOT'}: {what}")
    if not condition:
        sys.exit(1)


def demo(profile: str, environment: Mapping[str, str], minutes: float = 30) -> tuple[int, float]:
    """Run `oi demo` on a profile. Returns its status and how many seconds it took."""
    began = time.monotonic()
    oi = str(Path(sys.executable).with_name("oi"))
    command = [oi, "demo", "--profile", profile]
    status = subprocess.run(command, env=dict(environment), check=False, timeout=minutes * 60).returncode
    return status, time.monotonic() - began
