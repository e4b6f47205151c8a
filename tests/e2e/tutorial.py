"""The tutorial's own lines, one after the other, as a newcomer types them: `python -m tests.e2e.tutorial`.

Every shell block of docs/tutorial.md is run in this checkout, and of README.md the lines that change something, on servers
of its own: `make demo` to a promoted model, a prediction, a worse model refused, a rollback, `make stop`. Of the lines that
the documents have, each must end as they say it does.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from oi_tasks.drawn.release import draw_release
from oi_tasks.io.tracking import Tracking
from oi_tasks.local import services
from oi_tasks.local.addresses import Addresses
from oi_tasks.settings import Settings
from tests.e2e.common import CHECKOUT, check, say
from tests.shell_words import lines

TUTORIAL, README = CHECKOUT / "docs" / "tutorial.md", CHECKOUT / "README.md"
OWN = ("mine", "drawn")  # the folders that the lines make in the checkout
REFUSED = "PROFILE=worse"  # the line that ends in a refusal: status 3, of which make makes its own 2
NOTHING_TO_UNDO = "oi rollback"  # with one version ever promoted: status 3
CHANGES = ("oi fetch", "oi rollback")  # the lines of README.md that no test runs and the tutorial has not


def main() -> None:
    """Follow it to the end."""
    left = [name for name in OWN if (CHECKOUT / name).exists()]
    check(
        not left, f"the checkout is without {' and '.join(OWN)}, which the tutorial makes: {', '.join(left) or 'none'}"
    )
    with tempfile.TemporaryDirectory(prefix="oi-tutorial-") as folder:
        home, state = Path(folder) / "home", Path(folder) / "state"
        photograph(home)
        chosen = {"OI_STATE": str(state), "OI_ENV_FILE": str(state / "env"), "HOME": str(home)}
        chosen |= Addresses.free().lines()
        environment = {name: text for name, text in os.environ.items() if not name.startswith("OI_")} | chosen
        try:
            follow(environment, state)
        finally:
            services.stop(state)
            for name in OWN:
                shutil.rmtree(CHECKOUT / name, ignore_errors=True)


def photograph(home: Path) -> None:
    """A home with the reader's photo, and the caches that there are."""
    (home / "Pictures").mkdir(parents=True)
    (home / ".cache").symlink_to(Path("~/.cache").expanduser())
    draw_release(home / "release", 60, 0, defects=False)
    next((home / "release").rglob("*.jpg")).rename(home / "Pictures" / "cat.jpg")


def to_run() -> list[str]:
    """The lines in the order in which they are run; the last of the tutorial ends the servers, so it comes last."""
    *most, last = lines(TUTORIAL)
    return [*most, *(line for line in lines(README) if any(words in line for words in CHANGES)), last]


def follow(environment: dict[str, str], state: Path) -> None:
    """Run the lines, and look at what the tutorial says that comes of them."""
    *most, last = to_run()
    for line in most:
        status, told = ran(line, environment)
        if REFUSED in line:
            check(status == 2 and "was not promoted; the reasons are above [gate]" in told, f"refused: {line}")
        elif NOTHING_TO_UNDO in line:
            check(status == 3 and "no earlier champion to go back to" in told, f"there is none to go back to: {line}")
        else:
            check(status == 0, f"done: {line}")
    tracking = Tracking(Settings(_env_file=state / "env"))
    check(tracking.alias("oi-cascade", "champion") == 1, "the first version is champion still")
    drawn = [path.name for path in (CHECKOUT / "drawn").iterdir()]
    check(any(name.startswith("cat") for name in drawn), f"drawn/ has the photo: {', '.join(sorted(drawn))}")
    status, told = ran(last, environment)
    check(status == 0 and told.count(": stopped") == 3, f"all three servers are stopped: {last}")


def ran(line: str, environment: dict[str, str]) -> tuple[int, str]:
    """Run a line of shell in the checkout. Returns its status and all that it printed, which is shown as it comes."""
    say(f"$ {line}")
    command = ["bash", "-o", "pipefail", "-c", line]
    told = ""
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for said in process.stdout:
            print(said, end="", flush=True)
            told += said
    return process.returncode, told


if __name__ == "__main__":
    main()
