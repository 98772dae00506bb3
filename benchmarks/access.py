"""`python -m benchmarks.access`: what access keys add to the CPU of a request.

Two processes serve the same requests, in one thread each: one needs no keys, one does. They take turns on one
PostgreSQL, so that other load on the machine affects both alike. CPU is that of the process and of its PostgreSQL
server process together, to the nanosecond.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.load import create, observe
from benchmarks.monitoring import prepared
from benchmarks.stack import Stores, temporary_folder
from katoproject.configuration.locations import postgres_url, redis_url

ROUNDS, REQUESTS = 60, 100
TARGET = 1.04
EVENTS = ["kettle", "boil", "tea"]

Scenario = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.access", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"pairs of rounds ({ROUNDS})")
    parser.add_argument("--profile", metavar="FILE", help="write a profile of the process that needs keys (cProfile)")
    options = parser.parse_args()
    with temporary_folder() as folder, Stores(folder, private=True):
        open_, keys = (Server(folder, access, options.profile) for access in ("open", "keys"))
        measure(open_, keys, rounds=options.rounds)
        open_.end()
        keys.end()


def measure(open_: "Server", keys: "Server", *, rounds: int) -> None:
    print("| request | open µs (web + pg) | keys µs (web + pg) | ratio | target |\n|---|---|---|---|---|")
    for name in open_.scenarios:
        for server in (open_, keys):
            server.cost(name)  # warm
        pairs = []
        for number in range(rounds):
            # Each is first in half of the pairs.
            order = (open_, keys) if number % 2 else (keys, open_)
            costs = {server: server.cost(name) for server in order}
            pairs.append((costs[open_], costs[keys]))
        ratio = median(sum(second) / sum(first) for first, second in pairs)
        cells = [_typical([pair[number] for pair in pairs]) for number in (0, 1)]
        print(
            f"| {name} | {' | '.join(cells)} | {ratio:.3f} | {f'≤ {TARGET}' if name == 'observe' else ''} |", flush=True
        )


def _typical(costs: list[tuple[float, float]]) -> str:
    web, postgresql = (median(parts) for parts in zip(*costs, strict=True))
    return f"{web + postgresql:.0f} ({web:.0f} + {postgresql:.0f})"


class Server:
    """One process with one thread."""

    def __init__(self, folder: Path, access: str, profile: str | None) -> None:
        self._pipe, theirs = get_context("spawn").Pipe()
        self._process = get_context("spawn").Process(target=_serve, args=(theirs, folder, access, profile))
        self._process.start()
        self.scenarios: list[str] = self._pipe.recv()

    def cost(self, scenario: str) -> tuple[float, float]:
        """CPU of one request in µs: of the process, and of PostgreSQL."""
        self._pipe.send(scenario)
        web, postgresql = self._pipe.recv()
        return web, postgresql

    def end(self) -> None:
        self._pipe.send(None)
        self._process.join()


def _serve(pipe: Connection, folder: Path, access: str, profile: str | None) -> None:
    from foundation.metrics import folder as metrics

    os.environ |= {
        "KATO_DATA_DIR": str(folder),
        "DATABASE_URL": postgres_url(folder),
        "REDIS_URL": redis_url(folder),
        "KATO_ACCESS": access,
        "LOG_LEVEL": "WARNING",
        metrics.VARIABLE: str(metrics.empty_folder(folder, len(access))),
    }
    scenarios = _scenarios(folder, access)
    pipe.send(list(scenarios))
    profiler: Any = None
    if profile and access == "keys":
        import cProfile

        profiler = cProfile.Profile()
    while (name := pipe.recv()) is not None:
        if profiler:
            profiler.enable()
        pipe.send(_cost(scenarios[name]))
        if profiler:
            profiler.disable()
    if profiler:
        profiler.dump_stats(profile)


def _scenarios(folder: Path, access: str) -> dict[str, Scenario]:
    send = prepared(folder, **_authorization(access))
    session = json.loads(send("POST", "/sessions", create().body.encode()))["session_id"]
    for _ in range(2):
        for event in EVENTS:
            send("POST", f"/sessions/{session}/observe", json.dumps({"strings": [event]}).encode())
        send("POST", f"/sessions/{session}/learn", b"")
    for event in EVENTS[:2]:
        send("POST", f"/sessions/{session}/observe", json.dumps({"strings": [event]}).encode())
    observed = json.loads(send("POST", "/sessions", create().body.encode()))["session_id"]
    body, new = observe(observed, {"strings": ["kettle"]}).body.encode(), create().body.encode()
    return {
        "observe": lambda: send("POST", f"/sessions/{observed}/observe", body),
        "read an STM": lambda: send("GET", f"/sessions/{session}/stm", b""),
        "predictions": lambda: send("GET", f"/sessions/{session}/predictions", b""),
        "create": lambda: send("POST", "/sessions", new),
        "routing only": lambda: send("GET", "/sessions/test/x", b""),
    }


def _authorization(access: str) -> dict[str, str]:
    """The header of a new key that is bound to nodes, as part of an environ; nothing where none is needed."""
    if access == "open":
        return {}
    from django.core.management import call_command

    from katoproject.server.wsgi import application  # noqa: F401  sets Django up

    call_command("migrate", verbosity=0)
    from access_app import operations
    from foundation.callers import Scope

    issued = operations.create(name="bench", scopes=[Scope.READ, Scope.WRITE], nodes=["bench", "shop-"])
    return {"HTTP_AUTHORIZATION": f"Bearer {issued.token}"}


def _cost(scenario: Scenario) -> tuple[float, float]:
    from django.db import connection

    postgresql = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    before, begun = _nanoseconds(postgresql), time.process_time()
    for _ in range(REQUESTS):
        scenario()
    web = time.process_time() - begun
    return web / REQUESTS * 1e6, (_nanoseconds(postgresql) - before) / REQUESTS / 1e3


def _nanoseconds(schedstat: Path) -> int:
    return int(schedstat.read_text().split()[0])


if __name__ == "__main__":
    main()
