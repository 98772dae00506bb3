"""`python -m benchmarks.change FOLDER`: what requests cost in this checkout, beside those of the checkout in FOLDER.

For example, FOLDER is what `git worktree add FOLDER COMMIT` has made. Both serve the same requests in turns, on stores
of their own. CPU is that of web processes alone; quartiles are those of pairs of rounds.
"""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles

from benchmarks.arguments import at_least
from benchmarks.load import load_generator
from benchmarks.measuring import measure
from benchmarks.one_thread import PROJECT, Server, pairs
from benchmarks.scenarios import CACHED_PREDICTIONS, SCENARIOS, Scenario
from benchmarks.services import Ours
from benchmarks.stack import Stores, temporary_folder

ROUNDS, REQUESTS = 400, 20
ROUNDS_SERVED, SCALE = 60, 0.2
SERVED = ("create", "observe, 32 sessions", "stm of 10 events")
HEADINGS = "| request | before µs | now µs | ratio | its quartiles |\n|---|---|---|---|---|"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.change", description=__doc__)
    parser.add_argument("before", type=Path, metavar="FOLDER", help="a checkout of the project, as it was")
    parser.add_argument("--rounds", type=at_least(2), help=f"pairs of rounds ({ROUNDS}; served {ROUNDS_SERVED})")
    parser.add_argument("--served", action="store_true", help="by the web server, over HTTP; else in one thread")
    parser.add_argument("--only", metavar="REQUEST", help="this one alone")
    options = parser.parse_args()
    checkouts = (options.before.resolve(), PROJECT)
    compare = _served if options.served else _in_one_thread
    rounds = options.rounds or (ROUNDS_SERVED if options.served else ROUNDS)
    with temporary_folder() as folder:
        print(HEADINGS, flush=True)
        for name, costs in compare(folder, checkouts, rounds, options.only):
            print(_row(name, costs), flush=True)


class _Web(Ours):
    def costs(self) -> dict[str, float]:
        """CPU seconds of the web processes, to the nanosecond: rounds are short."""
        assert self._web is not None
        return {"web": sum(time.clock_gettime(_cpu_clock(pid)) for pid in self._web.worker_pids)}


def _cpu_clock(pid: int) -> int:
    """The clock of a process's CPU time, as clock_getcpuclockid(3) has it, which Python does not offer."""
    return (~pid << 3) | 2


Costs = list[tuple[float, float]]  # µs of web CPU in each pair: before, now
Checkouts = tuple[Path, Path]


def _row(name: str, costs: Costs) -> str:
    cells = [_quartiles(list(column)) for column in zip(*costs, strict=True)]
    lower, middle, upper = _quartiles([now / before for before, now in costs])
    return f"| {name} | {cells[0][1]:.0f} | {cells[1][1]:.0f} | {middle:.3f} | {lower:.3f} to {upper:.3f} |"


def _quartiles(numbers: list[float]) -> tuple[float, float, float]:
    lower, middle, upper = quantiles(numbers, n=4)
    return lower, middle, upper


def _in_one_thread(folder: Path, checkouts: Checkouts, rounds: int, only: str | None) -> Iterator[tuple[str, Costs]]:
    with ExitStack() as opened:
        servers = []
        for name, checkout in zip(("before", "now"), checkouts, strict=True):
            stores = opened.enter_context(Stores(folder / name, private=True))
            servers.append(Server(stores.data, checkout=checkout))
            opened.callback(servers[-1].end)
        before, now = servers
        for name in now.scenarios:
            if only in (None, name):
                found = pairs(before, now, name, rounds=rounds, requests=REQUESTS)
                yield name, [(first[0], second[0]) for first, second in found]


def _served(folder: Path, checkouts: Checkouts, rounds: int, only: str | None) -> Iterator[tuple[str, Costs]]:
    os.environ["LOG_LEVEL"] = "ERROR"
    with ExitStack() as opened:
        load = opened.enter_context(load_generator())
        services = []
        for name, checkout in zip(("before", "now"), checkouts, strict=True):
            services.append(_Web(folder / name, load, checkout=checkout))
            opened.callback(services[-1].stop)
            services[-1].start()
        for scenario in (*(one for one in SCENARIOS if one.name in SERVED), CACHED_PREDICTIONS):
            if only in (None, scenario.name):
                yield scenario.name, _turns(scenario, services, rounds)


def _turns(scenario: Scenario, services: list[_Web], rounds: int) -> Costs:
    for service in services:
        measure(scenario, service, SCALE)  # warm
    costs = []
    for number in range(rounds):
        order = (0, 1) if number % 2 else (1, 0)
        found = {side: measure(scenario, services[side], SCALE).cpu["web"] for side in order}
        costs.append((found[0], found[1]))
    return costs


if __name__ == "__main__":
    main()
