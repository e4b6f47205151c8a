"""The walk over a running demo: `python -m tests.e2e.pages STATE FOLDER`."""

import sys
from pathlib import Path

from tests.e2e.common import say
from tests.e2e.pages import walk

if len(sys.argv) != 3:
    say("usage: python -m tests.e2e.pages STATE FOLDER: the state folder of running servers, and one for pictures")
    sys.exit(2)
walk(Path(sys.argv[1]), Path(sys.argv[2]))
