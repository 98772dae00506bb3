"""`python -m benchmarks.schedules [--pair A B [C] | --triples] [--crashes] [--seed N] [--at-most N]`.

Exit status 1 if a schedule leads to what no order of the operations one after the other leads to.
"""

import argparse
import os
import signal
import sys
import time

import django

from benchmarks.schedules.processes import PROCESSES, Task, perform
from benchmarks.stack import Stores, temporary_folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pair", nargs="+", metavar="OPERATION", help="only these operations, two or three, at once")
    parser.add_argument("--triples", action="store_true", help="some three operations at once, instead of every pair")
    parser.add_argument("--crashes", action="store_true", help="also with a crash of either at each of its steps")
    parser.add_argument("--seed", type=int, metavar="N", help="a sample of random schedules, 100 of each pair")
    parser.add_argument("--at-most", type=int, default=None, metavar="N", help="schedules of each pair")
    parser.add_argument("--list", action="store_true", help="name the operations, and end")
    options = parser.parse_args()
    if options.pair is not None and len(options.pair) not in (2, 3):
        parser.error("--pair: two or three operations")
    # The servers that it has started must not stay.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "katoproject.settings")
    with temporary_folder() as folder:
        os.environ["KATO_DATA_DIR"] = str(folder / "data")
        from katoproject.configuration.kernels import compile_all

        compile_all()
        django.setup()
        return _examine(parser, options, Stores(folder / "data", private=True))


def _examine(parser: argparse.ArgumentParser, options: argparse.Namespace, stores: Stores) -> int:
    from benchmarks.schedules import report
    from benchmarks.schedules.plan import UnknownOperation, plan

    try:
        chosen = plan(options.pair, triples=options.triples)
    except UnknownOperation as error:
        parser.error(str(error))
    if options.list:
        print("\n".join(sorted({name for names, _ in chosen for name in names})))
        return 0
    at_most = options.at_most or (None if options.seed is None else 100)
    tasks = [Task(names, options.crashes, one, at_most, options.seed) for names, one in chosen]
    began, reports = time.monotonic(), []
    with stores:
        for found in perform(tasks, processes=min(PROCESSES, len(tasks))):
            reports.append(found)
            print(report.line(found) if found.holds else f"{report.line(found)}\n{report.story(found)}", flush=True)
    print(report.summary(reports, time.monotonic() - began))
    return 0 if all(found.holds for found in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
