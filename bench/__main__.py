"""`python -m bench [NAME]`: run all measurements, or those whose name holds a word."""

import sys
from importlib import import_module
from pathlib import Path

from bench.measure import Figure, keep


def main() -> int:
    """Run, print a line for each figure, keep them as JSON."""
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    names = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    chosen = [name for name in names if only in name]
    if not chosen:
        print(f"no measurement is called {only!r}; there are {', '.join(names)}", file=sys.stderr)
        return 2
    figures: list[Figure] = []
    for name in chosen:
        for figure in import_module(f"bench.bench_{name}").figures():
            print(figure.line(), flush=True)
            figures.append(figure)
    print(f"kept in {keep(figures)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
