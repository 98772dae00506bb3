"""`python -m benchmarks.mutants`: apply every mutant to a copy of the project, require that its tests fail, and write
the table of docs/consistency.md.

Exit status 1 if a mutant is not caught, 75 if another run is under way.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from benchmarks.arguments import at_least
from benchmarks.mutants import report
from benchmarks.mutants.copies import InUse, copied
from benchmarks.mutants.mutant import DoesNotApply, Mutant, catalogue
from benchmarks.mutants.trial import Inconclusive, Verdict, judge, run


def main() -> None:
    options = _options()
    mutants = [one for one in catalogue() if not options.names or one.name in options.names]
    if unknown := set(options.names) - {one.name for one in mutants}:
        sys.exit(f"No such mutant: {', '.join(sorted(unknown))}")
    begun = time.monotonic()
    with ExitStack() as opened:
        try:
            copies = [opened.enter_context(copied(number)) for number in range(options.jobs)]
        except InUse as error:
            print(f"Another run of the mutants works in {error}: start this one when it has ended", file=sys.stderr)
            sys.exit(os.EX_TEMPFAIL)
        if wrong := _fails_without_mutants(mutants, copies[0]):
            sys.exit(f"These must pass without any mutant: {wrong}")
        verdicts = _judge_all(mutants, copies)
    caught = [one for one in verdicts if one is not None and one.is_caught]
    print(f"\n{len(caught)} of {len(mutants)} mutants are caught, {time.monotonic() - begun:.0f} s.")
    report.write(caught, catalogue())
    sys.exit(len(caught) < len(mutants))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these mutants")
    at_once = max(1, (os.cpu_count() or 1) // 2)
    parser.add_argument(
        "--jobs", type=at_least(1), default=at_once, help="how many at once, each with servers of its own"
    )
    return parser.parse_args()


def _fails_without_mutants(mutants: Sequence[Mutant], copy: Path) -> str:
    """Why the tests prove nothing; empty if they pass."""
    tests = list(dict.fromkeys(test for one in mutants for test in (one.sound, *one.caught_by)))
    print(f"{len(tests)} tests without any mutant …", flush=True)
    try:
        return ", ".join(f"{one.test} ({one.reason})" for one in run(copy, tests) if not one.passed)
    except Inconclusive as error:
        return str(error)


def _judge_all(mutants: Sequence[Mutant], copies: Sequence[Path]) -> list[Verdict | None]:
    """The verdicts in the order of the mutants; None where there is none."""
    free: SimpleQueue[Path] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def judge_one(mutant: Mutant) -> Verdict | None:
        copy = free.get()
        try:
            verdict = judge(mutant, copy)
        except (Inconclusive, DoesNotApply) as error:
            print(f"{mutant.name}: INCONCLUSIVE, {error}", flush=True)
            return None
        finally:
            free.put(copy)
        print(f"{mutant.name}: {verdict}", flush=True)
        return verdict

    with ThreadPoolExecutor(len(copies)) as pool:
        return list(pool.map(judge_one, mutants))


if __name__ == "__main__":
    main()
