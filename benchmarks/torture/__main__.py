"""`python -m benchmarks.torture`: break a service while clients use it, then judge what they saw.

Exit status 1 if a promise was broken.
"""

import argparse
import random
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.arguments import at_least, positive
from benchmarks.torture.faults import KINDS
from benchmarks.torture.figures import figures_of
from benchmarks.torture.report import as_json, as_markdown
from benchmarks.torture.run import Settings, torture
from benchmarks.torture.service import Size

SLOWEST = 15.0  # seconds
LEAST_DISK = 200  # MB: an empty database, its log, and room for what the clients write


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture", description=__doc__)
    parser.add_argument("--minutes", type=positive, default=10.0, metavar="M")
    parser.add_argument("--seed", type=int, help="of an earlier run, to have the same faults again")
    parser.add_argument("--faults", type=at_least(1), metavar="N", help="stop after so many")
    parser.add_argument(
        "--only", action="append", metavar="TEXT", help="only kinds of faults whose name contains this, or another one"
    )
    parser.add_argument("--clients", type=at_least(1), default=1, metavar="N", help="times the usual crowd of fifty")
    parser.add_argument("--pace", type=positive, default=0.08, help="mean seconds between two requests of a client")
    parser.add_argument(
        "--disk", type=at_least(LEAST_DISK), default=700, metavar="MB", help="size of each PostgreSQL's disk"
    )
    parser.add_argument("--slowest", type=positive, default=SLOWEST, help="seconds that a response may take")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the history, the report and the logs here")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file, too")
    parser.add_argument("--list", action="store_true", help="list the kinds of faults")
    options = parser.parse_args()
    options.only = tuple(name for name in KINDS if any(text in name for text in options.only or [""]))
    if not options.only:
        parser.error("no kind of fault has that in its name; see --list")
    if options.keep is not None and options.keep.exists() and not options.keep.is_dir():
        parser.error(f"--keep: {options.keep} is no folder")
    if options.json is not None and (options.json.is_dir() or not options.json.absolute().parent.is_dir()):
        parser.error(f"--json: {options.json} cannot be written")
    return options


def _stop(*_: object) -> None:
    sys.exit("Stopped")


def main() -> int:
    options = _options()
    # So that nothing is left running or mounted.
    signal.signal(signal.SIGTERM, _stop)
    if options.list:
        print("\n".join(sorted(KINDS)))
        return 0
    settings = Settings(
        seed=random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed,
        minutes=options.minutes,
        faults=options.faults,
        only=options.only,
        clients=options.clients,
        pace=options.pace,
        size=Size(disk=options.disk),
    )
    print(f"Seed {settings.seed}", flush=True)
    with ExitStack() as opened:
        if options.keep is not None:
            options.keep.mkdir(parents=True, exist_ok=True)
        place = options.keep or Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="kato-torture-")))
        history = place / "history.jsonl"
        run = torture(settings, history, lambda line: print(line, flush=True), logs=options.keep)
        figures = figures_of(settings, run, history, slowest=options.slowest)
    text = as_markdown(figures)
    print(text)
    if options.keep is not None:
        (options.keep / "report.md").write_text(text)
    if options.json is not None:
        options.json.write_text(as_json(figures))
    return 0 if figures.holds else 1


if __name__ == "__main__":
    sys.exit(main())
