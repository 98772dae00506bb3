"""`python -m benchmarks.torture.checker HISTORY [--slowest SECONDS]`. Exit status 1 if a rule is broken, 2 if
there is nothing to judge."""

import argparse
import sys
from pathlib import Path

from benchmarks.arguments import positive
from benchmarks.torture.checker import check
from benchmarks.torture.history import refusing

SLOWEST = 10.0  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture.checker", description="Judge a history.")
    parser.add_argument("history", type=Path)
    parser.add_argument(
        "--slowest", type=positive, default=SLOWEST, help="seconds that a request may take (%(default)g)"
    )
    options = parser.parse_args()
    with refusing(options.history):
        report = check(options.history, slowest=options.slowest)
    print(report)
    sys.exit(0 if report.holds else 1)


if __name__ == "__main__":
    main()
