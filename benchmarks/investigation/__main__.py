"""`python -m benchmarks.investigation`: repeat all that docs/investigation.md claims, report whether it holds."""

import argparse
import os
import platform
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from benchmarks.investigation import delays, findings, names, prevention, races, services, trouble, two_servers
from benchmarks.investigation.checks import CHECKS, SLOW
from benchmarks.investigation.findings import Table
from benchmarks.stack import temporary_folder
from katoproject.configuration.environment import variable_names
from katoproject.configuration.locations import redis_url
from katoproject.launcher import processes
from katoproject.launcher import redis as embedded_redis


@dataclass(frozen=True)
class Effort:
    runs: int
    checks: Sequence[int]
    # Of each latency; 0 also leaves out the table about prevention, which has tests of its own.
    samples: int


WHOLE = Effort(runs=5, checks=tuple(CHECKS), samples=200)
QUICK = Effort(runs=1, checks=tuple(sorted({*CHECKS} - {*SLOW})), samples=0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.investigation", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the findings into the document")
    parser.add_argument(
        "--quick", action="store_true", help="run once, without the slow parts: three checks, latencies, prevention"
    )
    options = parser.parse_args()
    begun = time.monotonic()
    _need_both_loopback_addresses()
    # The settings of a developer must not change the findings.
    for spellings in variable_names().values():
        for name in spellings:
            os.environ.pop(name, None)
    print(f"{_here()}\nlocalhost on this machine: {', '.join(names.of_localhost())}", flush=True)
    tables: list[Table] = []
    with temporary_folder() as folder, _redis(folder / "baseline") as url, names.both_loopback_addresses():
        os.environ["KATO_DATA_DIR"] = str(folder / "ours")  # for the processes that this one starts
        for found in _parts(folder, url, QUICK if options.quick else WHOLE):
            print(found.printed(), flush=True)
            tables.append(found)
    if options.write:
        findings.write(tables)
    wrong = [*findings.broken(tables), *findings.contradictions(tables)]
    claims = sum(len(table.findings) for table in tables)
    print(f"\n{claims} claims, {time.monotonic() - begun:.0f} s. {'All of them hold.' if not wrong else ''}")
    for text in wrong:
        print(f"DOES NOT HOLD: {text}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


def _parts(folder: Path, baseline_redis: str, effort: Effort) -> Iterator[Table]:
    yield from two_servers.investigated(folder, baseline_redis, runs=effort.runs, checks=effort.checks)
    old = folder / "baseline"
    with services.ours(folder / "ours") as ours:
        with services.baseline(old, "forgiving") as of_today:
            with services.baseline(old, "of_that_day") as of_that_day:
                yield races.explored(of_today, of_that_day, ours.processes)
            redis_refuses = partial(services.redis_refuses_writes, old)
            postgres_refuses = partial(services.postgres_refuses_writes, ours.data)
            yield trouble.compared(of_today, ours.processes, redis_refuses, postgres_refuses)
        if effort.samples:
            yield delays.measured(baseline_redis, ours.direct.url, samples=effort.samples)
            yield prevention.shown(folder, baseline_redis, ours.direct.port)


@contextmanager
def _redis(data: Path) -> Iterator[str]:
    program = embedded_redis.program(data)
    process = processes.start(program)
    try:
        yield redis_url(data)
    finally:
        processes.stop(program, process)


def _need_both_loopback_addresses() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind((names.IPV6, 0))
    except OSError as error:
        sys.exit(f"This machine has no {names.IPV6} ({error}), and the incident needs two addresses. Nothing was done.")


def _here() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "httpx", "requests", "fastapi", "uvicorn"))
    return f"Python {platform.python_version()}, {libraries}; {os.cpu_count()} processors"


if __name__ == "__main__":
    main()
