"""`python -m oi_tasks.drawn FOLDER [--photos N] [--seed S] [--clean]`: write a release of drawn photos."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from oi_tasks.drawn.release import draw_release
from oi_tasks.errors import OiError


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m oi_tasks.drawn", description="Write a release of drawn photos.")
    parser.add_argument("folder", type=Path, help="an empty folder, or one that does not exist yet")
    parser.add_argument("--photos", type=int, default=600, help="good photos to draw (default: 600)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other photos (default: 0)")
    parser.add_argument("--clean", action="store_true", help="leave out the planted defects")
    options = parser.parse_args(arguments)
    try:
        draw_release(options.folder, options.photos, options.seed, defects=not options.clean)
    except OiError as error:
        print(f"error: {error.line}", file=sys.stderr)
        return error.exit_code
    print(f"{options.photos} photos in {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
