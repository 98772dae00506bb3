"""`python -m benchmarks.torture.checker HISTORY [--slowest SECONDS]`. Exit status 1 if a rule is broken."""

import argparse
import sys
from pathlib import Path

from benchmarks.torture.checker import check

SLOWEST = 10.0  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture.checker", description="Judge a history.")
    parser.add_argument("history", type=Path)
    parser.add_argument("--slowest", type=float, default=SLOWEST, help="seconds that a request may take (%(default)g)")
    options = parser.parse_args()
    report = check(options.history, slowest=options.slowest)
    print(report)
    sys.exit(0 if report.holds else 1)


if __name__ == "__main__":
    main()
