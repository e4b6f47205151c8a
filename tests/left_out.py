"""What is not tried because a program is not installed: said on a user's machine, a failure where CI runs.

`.ci/run` installs all that is needed and sets OI_NOTHING_LEFT_OUT. What only lies beside some checkouts, photos and a
cluster, is not asked for there: nobody can install it.
"""

import os

VARIABLE = "OI_NOTHING_LEFT_OUT"


class LeftOut(SystemExit):
    """Something cannot be tried where everything must be: a test fails by it, a script ends with the line."""


def left_out(why: str) -> str:
    """The line to say. Raises LeftOut where nothing may be left out."""
    if os.environ.get(VARIABLE):
        raise LeftOut(f"{why}; with {VARIABLE} set nothing may be left out")
    return f"left out: {why}"
