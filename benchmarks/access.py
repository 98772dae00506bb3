"""`python -m benchmarks.access`: what access keys add to the CPU of a request.

Two processes serve the same requests, in one thread each: one needs no keys, one does. They take turns on one
PostgreSQL.
"""

import argparse
from statistics import median

from benchmarks.one_thread import Cost, Server, pairs
from benchmarks.stack import Stores, temporary_folder

ROUNDS = 60
TARGET = 1.04


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.access", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"pairs of rounds ({ROUNDS})")
    parser.add_argument("--profile", metavar="FILE", help="write a profile of the process that needs keys (cProfile)")
    options = parser.parse_args()
    with temporary_folder() as folder, Stores(folder, private=True):
        open_, keys = Server(folder), Server(folder, access="keys", profile=options.profile)
        measure(open_, keys, rounds=options.rounds)
        open_.end()
        keys.end()


def measure(open_: Server, keys: Server, *, rounds: int) -> None:
    print("| request | open µs (web + pg) | keys µs (web + pg) | ratio | target |\n|---|---|---|---|---|")
    for name in open_.scenarios:
        found = pairs(open_, keys, name, rounds=rounds)
        ratio = median(sum(second) / sum(first) for first, second in found)
        cells = [_typical([pair[number] for pair in found]) for number in (0, 1)]
        print(
            f"| {name} | {' | '.join(cells)} | {ratio:.3f} | {f'≤ {TARGET}' if name == 'observe' else ''} |", flush=True
        )


def _typical(costs: list[Cost]) -> str:
    web, postgresql = (median(parts) for parts in zip(*costs, strict=True))
    return f"{web + postgresql:.0f} ({web:.0f} + {postgresql:.0f})"


if __name__ == "__main__":
    main()
