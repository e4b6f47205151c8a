"""Kill a change of champion before each of its writes, one after the other, each in a process of its own.

`python -m tests.io.killed promotion|rollback`: prints a line of JSON for each death, naming the small registry that it
left behind. The last line is of the change that came through.
"""

import json
import os
import sys

from oi_tasks.settings import settings
from tests.io.registry import SmallRegistry, dying, kill

MOST = 40


def change(kind: str, name: str, at: int) -> None:
    registry = SmallRegistry(settings(), name)
    for version in (1, 2):
        assert registry.new_version() == version
    registry.promote(1, None)
    if kind == "rollback":
        registry.promote(2, 1)
    with dying(at, kill):
        if kind == "rollback":
            registry.roll_back(request="once")
        else:
            registry.promote(2, 1)


def main(kind: str) -> None:
    import mlflow  # noqa: F401 - once for all the children

    settings()
    for at in range(1, MOST):
        name = f"{kind}{os.getpid()}-{at}"
        child = os.fork()
        if child == 0:
            try:
                change(kind, name, at)
            except BaseException as error:  # a child must never go on as its parent
                print(repr(error), file=sys.stderr)
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        died = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        print(json.dumps({"name": name, "signal": died, "status": os.waitstatus_to_exitcode(status)}), flush=True)
        if not died:
            break


if __name__ == "__main__":
    main(sys.argv[1])
